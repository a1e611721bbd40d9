"""Which account and region a request is for: the key tells the account, its signature's scope the region and service."""

from __future__ import annotations

import uuid
from threading import Lock

from aurora_logs_simulator.answers import ApiError
from aurora_logs_simulator.scenario import Scenario, World, build
from aurora_logs_simulator.service import Service
from aurora_logs_simulator.signing import Keys, Request, claimed_scope
from aurora_logs_simulator.sockets import Answer
from aurora_logs_simulator.sts import Sts
from aurora_logs_simulator.wire import XML_TYPE, error_answer


class Places:
    """All accounts and regions of a world behind one address; every touch of a state machine happens under one lock."""

    def __init__(self, world: World, keys: Keys | None) -> None:
        """keys: of the home account; None: signatures are not checked."""
        self._world, self._keys = world, keys
        self.lock = Lock()
        self.sts = Sts(home_account_id=world.api.account.account_id, roles=world.roles, keys=keys, clock=world.clock)
        self._services = {one.place: Service(one.api, keys, self.lock) for one in world.all}

    def answer(self, request: Request) -> Answer:
        """Answer one signed request; an unsigned one is for the home account and region."""
        access_key_id, region, service = claimed_scope(request)
        with self.lock:
            if service == "sts":
                return self.sts.answer(request, access_key_id, region, str(uuid.uuid4()))
            account_id = self.sts.account_of(access_key_id)
            keys = self.sts.keys_of(access_key_id) if self._keys is not None else None
            found = self._service(account_id, region)
        if found is None:
            error = ApiError("SignatureDoesNotMatch", 403, f"Credential should be scoped to a valid region, not '{region}'. ")
            body = error_answer(error, str(uuid.uuid4()))
            return Answer(status=403, body=body, length_bytes=len(body), headers={"Content-Type": XML_TYPE})
        return found.answer(request, keys)

    def _service(self, account_id: str, region: str) -> Service | None:
        """Return who answers; an account has every region that any account has, without an instance if nobody put one there."""
        region = region or self._world.place[1]
        if region not in {one.place[1] for one in self._world.all}:
            return None
        if (account_id, region) not in self._services:
            empty = build(Scenario(account_id=account_id, region=region), self._world.clock)
            self._services[account_id, region] = Service(empty.api, self._keys, self.lock)
        return self._services[account_id, region]
