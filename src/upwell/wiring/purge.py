"""What a server forgets when it is old enough."""

from upwell.service import access, batchfiles, dispatch, iam, uploads
from upwell.service.context import Context
from upwell.service.stored import objects_of


async def purge_old(ctx: Context) -> bool:
    """One round: grants, nonces, tokens, and files that nothing was made of."""
    objects = objects_of(ctx)
    await dispatch.forget_grants(ctx)
    await access.purge_nonces(ctx)
    await iam.purge(ctx)
    for file_id, key in await batchfiles.stale_files(ctx):
        await objects.delete(key)
        await batchfiles.forget_file(ctx, file_id)
    for key in await uploads.stale_files(ctx):
        await objects.delete(key)
        await uploads.forget_file(ctx, key)
    return False
