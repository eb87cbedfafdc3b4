from fastapi.testclient import TestClient

from shop.app import app


def test_items_can_be_added_and_listed():
    client = TestClient(app)
    assert client.get("/items").json()[0] == {"name": "tea", "price": 450}
    assert client.post("/items", json={"name": "cup", "price": 900}).status_code == 201
    assert client.get("/items").json()[-1] == {"name": "cup", "price": 900}
