"""Contracts in the admin, read-only."""

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from broker.models import Contract, ContractFile
from systemcache.admin.read_only import ReadOnlyAdmin


@admin.register(ContractFile)
class ContractFileAdmin(ReadOnlyAdmin):
    """The contract files; `refreshcontracts` and each morning's first read replace them."""

    list_display = ("file", "contracts", "refreshed_at", "file_size", "duration", "source")

    @admin.display(ordering="rows")
    def contracts(self, file: ContractFile) -> str:
        return f"{file.rows:,}"

    @admin.display(description="size", ordering="size")
    def file_size(self, file: ContractFile) -> str:
        return filesizeformat(file.size)

    @admin.display(description="took", ordering="seconds")
    def duration(self, file: ContractFile) -> str:
        return f"{file.seconds:.1f} s"


@admin.register(Contract)
class ContractAdmin(ReadOnlyAdmin):
    """The contracts of the live generation, which symbol look-ups and the API also use."""

    list_display = ("trading_symbol", "name", "exchange", "instrument_id", "lot_size", "expiry", "strike")
    list_filter = ("file", "instrument_type", "option_type", "exchange")
    search_fields = ("trading_symbol", "name", "=instrument_id")
    search_help_text = "Part of a symbol or a name, or an instrument id"
    exclude = ("generation",)
    ordering = ("id",)
    show_full_result_count = False

    @admin.display(description="strike", ordering="strike_price")
    def strike(self, contract: Contract) -> str:
        """In rupees; the file has 0 for shares."""
        return f"{contract.strike_price:,.2f}" if contract.strike_price else "-"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contract]:
        return Contract.objects.filter(file__generation=F("generation"))
