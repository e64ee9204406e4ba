"""The table of all methods that are emulated, and the right that each one needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from omnigate.emulators.vk import groups, messages, sending, uploading
from omnigate.emulators.vk.calls import Method

METHODS: Final[Mapping[str, Method]] = {
    "messages.send": Method(sending.send, "messages"),
    "messages.edit": Method(sending.edit, "messages"),
    "messages.delete": Method(messages.delete, "messages"),
    "messages.markAsRead": Method(messages.mark_as_read, "messages"),
    "messages.setActivity": Method(messages.set_activity, "messages"),
    "messages.sendMessageEventAnswer": Method(messages.answer_event, "messages"),
    "messages.isMessagesFromGroupAllowed": Method(messages.is_allowed, "messages"),
    "messages.getById": Method(messages.get_by_id, "messages"),
    "messages.getByConversationMessageId": Method(messages.get_by_cmid, "messages"),
    "messages.getHistory": Method(messages.get_history, "messages"),
    "messages.sendReaction": Method(messages.send_reaction, "messages"),
    "messages.deleteReaction": Method(messages.delete_reaction, "messages"),
    "users.get": Method(groups.get_users),
    "groups.getById": Method(groups.get_group),
    "groups.getTokenPermissions": Method(groups.get_permissions),
    "groups.getCallbackServers": Method(groups.get_servers, "manage"),
    "groups.addCallbackServer": Method(groups.add_server, "manage"),
    "groups.editCallbackServer": Method(groups.edit_server, "manage"),
    "groups.deleteCallbackServer": Method(groups.delete_server, "manage"),
    "groups.getCallbackConfirmationCode": Method(groups.get_code, "manage"),
    "groups.getCallbackSettings": Method(groups.get_settings, "manage"),
    "groups.setCallbackSettings": Method(groups.set_settings, "manage"),
    "groups.getLongPollServer": Method(groups.get_poll, "manage"),
    "groups.getLongPollSettings": Method(groups.get_poll_settings, "manage"),
    "groups.setLongPollSettings": Method(groups.set_poll_settings, "manage"),
    "photos.getMessagesUploadServer": Method(uploading.photo_server, "photos"),
    "photos.saveMessagesPhoto": Method(uploading.save_photo, "photos"),
    "docs.getMessagesUploadServer": Method(uploading.doc_server, "docs"),
    "docs.save": Method(uploading.save_doc, "docs"),
}
"""That the receivers' methods need
``manage`` is unverified; a token with all rights has it anyway."""
