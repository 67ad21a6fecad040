import { rm } from 'node:fs/promises'
import path from 'node:path'
import { endDueAllocations } from './engine/allocations.ts'
import { removeDueRecordings } from './engine/calls.ts'
import type { Context } from './engine/context.ts'
import type { Loop } from './loop.ts'

/** How often is looked for what has fallen due, in milliseconds. */
const SWEEP_MS = 1_000

// Each does a bounded number of things that are due and resolves to the instant of its next run. They run apart: a
// folder that cannot be written must not keep allocations from ending in time.

/** Ends allocations, frees PINs, and wakes the delivery for events that another process (the command line) made due. */
export async function sweepStore(ctx: Context, delivery: Pick<Loop, 'wake'>): Promise<number> {
  const { more } = await endDueAllocations(ctx)
  const due = await ctx.store.nextDeliveryAt()
  if (due !== undefined && due <= ctx.now()) delivery.wake()
  return ctx.now() + (more ? 0 : SWEEP_MS)
}

/** Removes recordings whose time is over from the folder. */
export async function sweepRecordings(ctx: Context, folder: string): Promise<number> {
  const { more } = await removeDueRecordings(ctx, (callId) =>
    rm(path.join(folder, `${callId}.wav`), { force: true }),
  )
  return ctx.now() + (more ? 0 : SWEEP_MS)
}
