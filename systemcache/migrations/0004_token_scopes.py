"""Tokens get a scope, an end, a last use, and a mark of their user's password.

Tokens that exist keep all that they could do: they get the scope `trade`, no end, and the mark of today's password.
"""

import hashlib

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark_passwords(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    tokens = apps.get_model("systemcache", "ApiToken").objects.using(schema_editor.connection.alias)
    for token in tokens.filter(password_mark="").select_related("user"):
        token.password_mark = hashlib.sha256(token.user.password.encode()).hexdigest()
        token.save(update_fields=["password_mark"])


class Migration(migrations.Migration):
    dependencies = [
        ("systemcache", "0003_cache_pages"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="expires_at",
            field=models.DateTimeField(
                blank=True, help_text="Empty: it does not expire.", null=True, verbose_name="expires"
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="last_used_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="To the hour.", null=True, verbose_name="last used"
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="password_mark",
            field=models.CharField(
                db_default="",
                default="",
                editable=False,
                help_text="Changes with the user's password.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="scope",
            field=models.CharField(
                choices=[
                    ("read", "read: GET alone, and nothing for staff"),
                    ("trade", "trade: all that its user may do, orders too"),
                    ("metrics", "metrics: /metrics alone"),
                ],
                db_default="trade",
                default="trade",
                max_length=8,
            ),
        ),
        migrations.RunPython(mark_passwords, migrations.RunPython.noop),
    ]
