"""What a server forgets when it is old enough."""

from upwell.service.context import Context, objects_of
from upwell.service.manage import access, target_files, uploads, users
from upwell.service.upgrade import dispatch


async def purge_old(ctx: Context) -> bool:
    """One round: grants, nonces, tokens, and files that nothing was made of."""
    objects = objects_of(ctx)
    await dispatch.forget_grants(ctx)
    await access.purge_nonces(ctx)
    await users.purge(ctx)
    for file_id, key in await target_files.stale_files(ctx):
        await objects.delete(key)
        await target_files.forget_file(ctx, file_id)
    for key in await uploads.stale_files(ctx):
        await objects.delete(key)
        await uploads.forget_file(ctx, key)
    return False
