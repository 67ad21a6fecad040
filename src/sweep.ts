import { rm } from 'node:fs/promises'
import path from 'node:path'
import { endDueAllocations } from './engine/allocations.ts'
import { removeDueRecordings } from './engine/calls.ts'
import type { Context } from './engine/context.ts'
import type { Loop } from './loop.ts'

/** How often is looked at least, in milliseconds: what is made meanwhile may fall due before what was there. */
const SWEEP_MS = 1_000

// Each does a bounded number of things that are due and resolves to the instant of its next run. They run apart: a
// folder that cannot be written must not keep allocations from ending in time.

/** What is forgotten at once of each kind, which takes some milliseconds: an attack leaves many wrong PINs. */
const FORGET_BATCH = 1_000

/** For how long an import of a tariff may take. What is not finished by then was broken off, and its rates go. */
const LONGEST_IMPORT_MS = 86_400_000

/**
 * Ends allocations, frees PINs, forgets wrong ones, answers to requests that nobody may repeat any more and sent PINs that are not
 * good, with what waits to bring them, and wakes the delivery for events that another process (the command line) made due.
 */
export async function sweepStore(ctx: Context, { wake }: Pick<Loop, 'wake'>): Promise<number> {
  await endDueAllocations(ctx)
  const forgotten = [
    await ctx.store.forgetGuesses(ctx.now(), FORGET_BATCH),
    await ctx.store.forgetRequests(ctx.now(), FORGET_BATCH),
    await ctx.store.forgetSentPins(ctx.now(), FORGET_BATCH),
  ]
  const delivery = await ctx.store.nextDeliveryAt()
  if (delivery !== undefined && delivery <= ctx.now()) wake()
  if (forgotten.includes(FORGET_BATCH)) return ctx.now()
  return Math.min((await ctx.store.nextDueAt()) ?? Infinity, ctx.now() + SWEEP_MS)
}

/** Removes the rates of tariffs that an import has replaced, and of imports that were broken off. */
export async function sweepRates({ store, now }: Context): Promise<number> {
  const forgotten = await store.forgetRates(FORGET_BATCH, now() - LONGEST_IMPORT_MS)
  return now() + (forgotten === FORGET_BATCH ? 0 : SWEEP_MS)
}

/** Removes recordings whose time is over from the folder. */
export async function sweepRecordings(ctx: Context, folder: string): Promise<number> {
  const { more } = await removeDueRecordings(ctx, (callId) =>
    rm(path.join(folder, `${callId}.wav`), { force: true }),
  )
  return ctx.now() + (more ? 0 : SWEEP_MS)
}
