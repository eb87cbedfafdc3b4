"""What the shop sells, kept in a database."""

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    """The root of all tables."""


class Item(Base):
    """One thing for sale; ``price`` is in cents."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]


class Store:
    """The items of one database."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.engine = create_engine(url, connect_args={"check_same_thread": False}, poolclass=StaticPool)
        Base.metadata.create_all(self.engine)

    def add(self, name: str, price: int) -> Item:
        """Put an item on sale."""
        with Session(self.engine, expire_on_commit=False) as session:
            item = Item(name=name, price=price)
            session.add(item)
            session.commit()
            return item

    def items(self) -> list[Item]:
        """Return all items in the order they came."""
        with Session(self.engine) as session:
            return list(session.scalars(select(Item).order_by(Item.id)))
