"""Who may see the account, and who may trade."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class ViewsAccount(BasePermission):
    needs = "broker.view_account"
    message = f"This needs the permission {needs}."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.user.has_perm(self.needs)


class Trades(BasePermission):
    needs = "broker.trade"
    message = f"This needs the permission {needs}."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.user.has_perm(self.needs)
