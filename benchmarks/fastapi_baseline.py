"""The baseline: FastAPI on one event loop with redis.asyncio. Each hit decodes the JSON and encodes it again.

`uvicorn benchmarks.fastapi_baseline:app` serves it; the benchmark puts the rows and tokens into Redis. Without a
response model FastAPI walks through each row (`jsonable_encoder`); with the model `Any` pydantic encodes them at once.
"""

import json
import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from redis.asyncio import Redis

app = FastAPI()
redis: Any = Redis.from_url(os.environ["REDIS_URL"])


async def user(authorization: Annotated[str, Header()] = "") -> str:
    name = await redis.get(f"baseline:{authorization}")
    if name is None:
        raise HTTPException(401)
    return str(name.decode())


@app.get("/api/watchlist", response_model=None)
async def watchlist(name: Annotated[str, Depends(user)]) -> Any:
    return json.loads(await redis.get("baseline:watchlist"))


@app.get("/api/watchlist/declared")
async def declared(name: Annotated[str, Depends(user)]) -> Any:
    return json.loads(await redis.get("baseline:watchlist"))
