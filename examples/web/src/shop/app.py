"""The application: ``uvicorn shop.app:app``."""

from fastapi import FastAPI
from pydantic import BaseModel

from shop.store import Store


class NewItem(BaseModel):
    """What a client sends; ``price`` is in cents."""

    name: str
    price: int


store = Store()
store.add("tea", 450)
app = FastAPI(title="shop")


@app.get("/items")
def read_items() -> list[dict[str, object]]:
    """Return what is for sale."""
    return [{"name": item.name, "price": item.price} for item in store.items()]


@app.post("/items", status_code=201)
def add_item(item: NewItem) -> dict[str, object]:
    """Put an item on sale."""
    added = store.add(item.name, item.price)
    return {"name": added.name, "price": added.price}
