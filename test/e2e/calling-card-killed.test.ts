import { beforeAll, expect, test } from '@jest/globals'
import type { Card } from '../../src/engine/cards.ts'
import {
  addCardNumber,
  addsUp,
  answers,
  books,
  CARDS,
  costOfTalk,
  instantsOf,
  KEYED,
  keys,
  noteOf,
  said,
  stageCard,
  stay,
} from '../support/card-stage.ts'
import { PER_SECOND_MICROS } from '../support/paid.ts'
import type { Phone } from '../support/phone.ts'
import type { Callee } from '../support/sip-script.ts'
import { STRANGER, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Witness } from '../support/witness.ts'

const stage = useStage()
beforeAll(() => addCardNumber(stage()))

/** How long the two have talked when the application is killed, in milliseconds. */
const KILLED_AFTER_MS = 2_000

const money = (seconds: number, incrementSeconds?: number) =>
  stageCard(stage(), {
    balanceMicros: seconds * PER_SECOND_MICROS,
    cards: { warnMs: 0 },
    ...(incrementSeconds !== undefined && { incrementSeconds }),
  })

/** When the two were joined, by Asterisk's clock. */
const joinedAt = (witness: Witness) => instantsOf(witness, 'ChannelEnteredBridge')[1] ?? NaN
/** When the first of the two left, by Asterisk's clock. */
const leftAt = (witness: Witness) => instantsOf(witness, 'ChannelLeftBridge')[0] ?? NaN

/** The two talk, and two seconds later the application is dead. */
async function killed(card: Card, witness: Witness): Promise<Phone> {
  const caller = await stage().call(CARDS, {
    from: STRANGER,
    steps: [...keys(`${card.pin}#`, KEYED), stay],
  })
  await until(() => expect(Date.now() - joinedAt(witness)).toBeGreaterThanOrEqual(KILLED_AFTER_MS), {
    atMostMs: 30_000,
  })
  await stage().app().kill('SIGKILL')
  return caller
}

/** Nobody is left on the line, though nobody looks after it. */
const alone = () =>
  until(async () => expect(await stage().ari('GET', 'channels')).toEqual([]), { atMostMs: 15_000 })

/** The one paid call of the card is charged once, to an instant that Asterisk has noted, and the note is gone. */
async function chargedTo(card: Card, endedAt: number): Promise<void> {
  await until(async () => expect((await books(stage(), card)).open).toEqual([]))
  const { holds, ledger, card: after } = await books(stage(), card)
  const [hold] = holds
  expect(holds).toMatchObject([{ state: 'settled' }])
  expect(Math.abs(hold!.endedAt! - endedAt)).toBeLessThan(500)
  expect(hold!.chargedMicros).toBe(Math.min(costOfTalk(hold!), hold!.heldMicros))
  expect(ledger.filter(({ kind }) => kind === 'charge')).toMatchObject([
    { amountMicros: -hold!.chargedMicros },
  ])
  expect(after).toMatchObject({ balanceMicros: card.balanceMicros - hold!.chargedMicros, heldMicros: 0 })
  expect(await noteOf(stage(), hold!)).toBe('')
  await addsUp(stage())
}

test('killed and never started again: Asterisk ends the talk when its money ends, and the card is charged for that', async () => {
  const card = await money(6)
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await killed(card, witness)
    expect(await caller.ended).toBe(0)
    await alone()
  })
  expect(leftAt(witness) - joinedAt(witness)).toBeGreaterThan(6_000)
  expect(leftAt(witness) - joinedAt(witness)).toBeLessThan(8_500)
  await stage().restart()
  await chargedTo(card, leftAt(witness))
  expect((await books(stage(), card)).card.balanceMicros).toBe(0)
}, 90_000)

test('killed and started again at once: the talk goes on, is cut when its money ends, and is charged once', async () => {
  const card = await money(10)
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await killed(card, witness)
    await stage().restart()
    await stage().talking(2)
    expect(await caller.ended).toBe(0)
  })
  expect(leftAt(witness) - joinedAt(witness)).toBeGreaterThan(9_000)
  expect(leftAt(witness) - joinedAt(witness)).toBeLessThan(11_000)
  // It was the application that ended it: the caller stays, and hears why.
  expect(said(witness).slice(-2)).toEqual(['pinbridge/time-over', 'vm-goodbye'])
  await chargedTo(card, leftAt(witness))
  expect((await books(stage(), card)).card.balanceMicros).toBe(0)
}, 90_000)

test('killed, and the caller hangs up before it is back: the called party is let go, and the charge is to that instant', async () => {
  const card = await money(600)
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await killed(card, witness)
    await until(() => expect(Date.now() - joinedAt(witness)).toBeGreaterThan(KILLED_AFTER_MS + 3_500))
    caller.hangUp()
    await caller.ended
    await alone()
  })
  await stage().restart()
  await chargedTo(card, leftAt(witness))
  expect((await books(stage(), card)).holds[0]!.billedSeconds).toBeGreaterThanOrEqual(6)
}, 90_000)

test('killed, and the called party hangs up before it is back: the caller is let go, and the charge is to that instant', async () => {
  const card = await money(600)
  const witness = await stage().witness()
  const hangsUp: Callee = {
    answers: 'after',
    ringMs: 300,
    steps: [{ do: 'wait', ms: 6_000 }, { do: 'hangUp' }],
  }
  await stage().answering(hangsUp, async () => {
    const caller = await killed(card, witness)
    expect(await caller.ended).toBe(0)
    await alone()
  })
  // Long before Asterisk would end a call of which it hears nothing.
  const [first = NaN, last = NaN] = instantsOf(witness, 'ChannelLeftBridge')
  expect(last - first).toBeLessThan(15_000)
  await stage().restart()
  await chargedTo(card, leftAt(witness))
  expect((await books(stage(), card)).holds[0]!.billedSeconds).toBeGreaterThanOrEqual(6)
}, 90_000)

test('killed and started again, with begun minutes that count whole: one of them is charged', async () => {
  const card = await money(600, 60)
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await killed(card, witness)
    await stage().restart()
    await stage().talking(2)
    caller.hangUp()
    await caller.ended
  })
  await stage().settled()
  const { holds, card: after } = await books(stage(), card)
  expect(holds).toMatchObject([
    { state: 'settled', billedSeconds: 60, chargedMicros: 60 * PER_SECOND_MICROS },
  ])
  expect(after).toMatchObject({ balanceMicros: 540 * PER_SECOND_MICROS, heldMicros: 0 })
  await addsUp(stage())
}, 90_000)

test('killed while the number rings: nobody is charged', async () => {
  const card = await money(600)
  const witness = await stage().witness()
  await stage().answering({ answers: 'never' }, async (called) => {
    const caller = await stage().call(CARDS, {
      from: STRANGER,
      steps: [...keys(`${card.pin}#`, KEYED), stay],
    })
    await until(() => expect(called.messages()).toContain('SIP/2.0 180'), { atMostMs: 30_000 })
    await stage().app().kill('SIGKILL')
    await stage().restart()
    expect(await caller.ended).toBe(0)
  })
  expect(said(witness).at(-1)).toBe('pinbridge/try-later')
  const { ledger, card: after, open } = await books(stage(), card)
  expect({ open, lines: ledger.length }).toEqual({ open: [], lines: 1 })
  expect(after).toMatchObject({ balanceMicros: card.balanceMicros, heldMicros: 0 })
  await addsUp(stage())
}, 90_000)
