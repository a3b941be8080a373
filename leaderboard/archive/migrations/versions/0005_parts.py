"""Room for the parts of boards in the archive: a board's name, and "#63"."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _resize(sa.String(64), sa.String(67))


def downgrade() -> None:
    op.execute("DELETE FROM archived_periods WHERE board LIKE '%#%'")
    _resize(sa.String(67), sa.String(64))


def _resize(old: sa.String, new: sa.String) -> None:
    with op.batch_alter_table("archived_periods") as table:
        table.alter_column("board", existing_type=old, type_=new, existing_nullable=False)
