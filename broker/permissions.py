"""Who may see the account, and who may trade."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class ViewsAccount(BasePermission):
    message = "This needs the permission broker.view_account."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.user.has_perm("broker.view_account")


class Trades(BasePermission):
    message = "This needs the permission broker.trade."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.user.has_perm("broker.trade")
