import path from 'node:path'
import { expect } from '@jest/globals'
import { randomInt } from 'node:crypto'
import { v7 } from 'uuid'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { LedgerLine } from '../../src/engine/card-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Hold } from '../../src/engine/holds.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { GERMANY, giveCard, PER_SECOND_MICROS } from './paid.ts'
import type { Phone } from './phone.ts'
import type { Callee, Step } from './sip-script.ts'
import type { Stage } from './stage.ts'
import type { Witness } from './witness.ts'

/** A number of the flow calling-card. */
export const CARDS = '+916292134468'
/** GERMANY as it is keyed there. No key twice: phones of tests press them faster than fingers. */
export const KEYED = `${GERMANY.replace('+49', '0')}#`
/** The PIN of a test's first card, and of its second. */
const PINS = [
  '135792468',
  '246813579',
  '357924681',
  '468135792',
  '579246813',
  '681357924',
  '792468135',
  '813579246',
]

export const stay: Step = { do: 'waitForHangUp' }
export const answers: Callee = { answers: 'after', ringMs: 300, steps: [stay] }

/** After so long the first of the prompts plays, and is not over. */
const PROMPT_STARTS_MS = 700

/** What a caller keys, one question after another, each while it is asked or before. */
export function keys(...inputs: string[]): Step[] {
  return [{ do: 'wait', ms: PROMPT_STARTS_MS }, ...inputs.map((digits): Step => ({ do: 'info', digits }))]
}

export async function addCardNumber(stage: Stage): Promise<void> {
  await stage.pinbridge('number', 'add', CARDS, '--account', stage.sid, '--flow', 'calling-card')
}

/** The engine on the database of the running application, opened beside it while `work` runs. */
export async function besides<T>(stage: Stage, work: (ctx: Context) => Promise<T>): Promise<T> {
  const store = openSqlite(path.join(stage.data, 'pinbridge.db'))
  try {
    return await work({ store, now: Date.now, randomInt, newId: v7 })
  } finally {
    await store.close()
  }
}

let given = 0

/** A card of the stage's account; its settings become those of a new account but for these. */
export async function stageCard(stage: Stage, wanted: Parameters<typeof giveCard>[2]): Promise<Card> {
  return besides(stage, async (ctx) => {
    const account = (await ctx.store.accounts()).find(({ sid }) => sid === stage.sid)
    const { id } = await giveCard(ctx, account!.id, wanted)
    return updateCard(ctx, account!, { id }, { pin: PINS[given++ % PINS.length]! })
  })
}

/** What became of a card: its paid calls, oldest first, and its ledger, newest first. */
export async function books(
  stage: Stage,
  { id, accountId }: Card,
): Promise<{ card: Card; holds: Hold[]; open: Hold[]; ledger: LedgerLine[] }> {
  return besides(stage, async ({ store }) => {
    const filter = { accountId, cardId: id, from: 0, to: Number.MAX_SAFE_INTEGER }
    const holds = (await store.holdsMatching(filter, undefined, 100)).reverse()
    const card = await store.findCard({ accountId, id })
    const open = (await store.openHolds()).filter(({ cardId }) => cardId === id)
    return { card: card!, holds, open, ledger: await store.ledger(id, undefined, 100) }
  })
}

/** Nothing is held, and everything adds up. */
export async function addsUp(stage: Stage): Promise<void> {
  await besides(stage, async ({ store }) => {
    expect(await store.openHolds()).toEqual([])
    expect(await store.audit(100)).toEqual([])
  })
}

/** What Asterisk has noted of the end of a paid talk, and nobody has removed. */
export async function noteOf(stage: Stage, { id }: Hold): Promise<string> {
  const answer = await stage.ari('GET', `asterisk/variable?variable=PINBRIDGE_END_${id}`)
  return (answer as { value: string }).value
}

/** Instants of an event by Asterisk's clock, in milliseconds. */
export const instantsOf = ({ seen }: Witness, type: string): number[] =>
  seen
    .filter((event) => event.type === type)
    .map((event) => Date.parse((event as { timestamp?: string }).timestamp ?? ''))

/** Everything that was said, to whomever, in order. */
export const said = (witness: Witness): string[] => witness.played().map((uri) => uri.replace(/^sound:/, ''))

/** How many numbers were rung: each INVITE has a Call-ID of its own. */
export function invites(called: Phone): number {
  const [, ...received] = called.messages().split('UDP message received')
  const ids = received
    .filter((text) => text.includes('\nINVITE '))
    .map((text) => /^Call-ID: (.*)$/m.exec(text)?.[1])
  return new Set(ids).size
}

/** What a talk of so many milliseconds costs where nothing else was said. */
export const costOfTalk = ({ answeredAt = NaN, endedAt = NaN }: Hold): number =>
  Math.max(Math.ceil((endedAt - answeredAt) / 1_000), 1) * PER_SECOND_MICROS
