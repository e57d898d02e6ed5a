"""Query parameters of the cache's own API."""

from typing import Any

from rest_framework import serializers

from systemcache.per_view.validation import WholeNumberField


class ClearQuerySerializer(serializers.Serializer[Any]):
    """Requires exactly one of pattern, family, tag."""

    pattern = serializers.CharField(required=False, max_length=200, help_text="A glob over keys: api:*")
    family = serializers.CharField(required=False, max_length=60)
    tag = serializers.CharField(required=False, max_length=120)
    dry_run = serializers.BooleanField(required=False, default=False)
    soft = serializers.BooleanField(
        required=False, default=False, help_text="Only end the values' TTL: the old one stays in case its source fails"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in ("pattern", "family", "tag")) != 1:
            raise serializers.ValidationError({"pattern": ["Give exactly one of pattern, family, tag."]})
        return attrs


class KeysQuerySerializer(serializers.Serializer[Any]):
    pattern = serializers.CharField(required=False, default="*", max_length=200)
    cursor = WholeNumberField(required=False, default=0, min_value=0, max_value=2**64 - 1)


class WarmQuerySerializer(serializers.Serializer[Any]):
    family = serializers.CharField(required=False, max_length=60, help_text="Warm only this family")
