"""The forerunner's architecture: FastAPI, one event loop, redis.asyncio, JSON decoded and encoded again on each hit.

`uvicorn benchmarks.forerunner:app`; the rows and tokens are put into Redis by the benchmark. Without a declared answer,
as the forerunner had it, FastAPI walks through each row (`jsonable_encoder`); declared as `Any`, pydantic encodes it.
"""

import json
import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from redis.asyncio import Redis

app = FastAPI()
redis: Any = Redis.from_url(os.environ["REDIS_URL"])


async def user(authorization: Annotated[str, Header()] = "") -> str:
    name = await redis.get(f"forerunner:{authorization}")
    if name is None:
        raise HTTPException(401)
    return str(name.decode())


@app.get("/api/watchlist", response_model=None)
async def watchlist(name: Annotated[str, Depends(user)]) -> Any:
    return json.loads(await redis.get("forerunner:watchlist"))


@app.get("/api/watchlist/declared")
async def declared(name: Annotated[str, Depends(user)]) -> Any:
    return json.loads(await redis.get("forerunner:watchlist"))
