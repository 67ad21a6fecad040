import { beforeAll, expect, test } from '@jest/globals'
import {
  addCardNumber,
  addsUp,
  answers,
  books,
  CARDS,
  costOfTalk,
  instantsOf,
  invites,
  KEYED,
  keys,
  noteOf,
  said,
  stageCard,
  stay,
} from '../support/card-stage.ts'
import { GERMANY, PER_SECOND_MICROS } from '../support/paid.ts'
import type { Callee } from '../support/sip-script.ts'
import { ALICE, BOB, STRANGER, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()
beforeAll(() => addCardNumber(stage()))

test('a card with money for ten seconds: the caller alone is warned, the talk is cut then, and the caller hears why', async () => {
  const card = await stageCard(stage(), { balanceMicros: 10 * PER_SECOND_MICROS, cards: { warnMs: 5_000 } })
  const witness = await stage().witness()
  await stage().answering(answers, async (called) => {
    const caller = await stage().call(CARDS, {
      from: STRANGER,
      steps: [...keys(`${card.pin}#`, KEYED), stay],
    })
    const both = await stage().talking(2)
    const ofCaller = both.find(({ id }) => !id.startsWith('pinbridge-'))!.id
    const ofCalled = both.find(({ id }) => id.startsWith('pinbridge-'))!.id
    const [callerBefore, calledBefore] = [await stage().sound(ofCaller), await stage().sound(ofCalled)]
    // The warning has been said to its end, before the talk is over.
    await until(() => expect(said(witness)).toContain('seconds'), { atMostMs: 15_000 })
    const [callerThen, calledThen] = [await stage().sound(ofCaller), await stage().sound(ofCalled)]
    expect(callerThen.heard - callerBefore.heard).toBeGreaterThan(100)
    expect(calledThen.heard - calledBefore.heard).toBe(0)
    expect(await caller.ended).toBe(0)
    expect(called.messages()).toContain(`From: <sip:${CARDS}@`)
  })
  const [, joined = NaN] = instantsOf(witness, 'ChannelEnteredBridge')
  const [left = NaN] = instantsOf(witness, 'ChannelLeftBridge')
  expect(left - joined).toBeGreaterThan(9_000)
  expect(left - joined).toBeLessThan(11_000)
  expect(said(witness)).toEqual([
    ...['pinbridge/enter-pin', 'vm-youhave'],
    ...['vm-youhave', 'queue-less-than', 'number:1', 'minute'],
    ...['pinbridge/call-ends-soon', 'vm-youhave', 'number:5', 'seconds'],
    ...['pinbridge/time-over', 'pinbridge/no-money', 'vm-goodbye'],
  ])
  const { card: after, holds, ledger } = await books(stage(), card)
  expect(holds).toMatchObject([{ state: 'settled', to: GERMANY, from: STRANGER, billedSeconds: 10 }])
  expect(holds[0]!.chargedMicros).toBe(holds[0]!.heldMicros)
  expect(ledger.map(({ kind, amountMicros }) => [kind, amountMicros])).toEqual([
    ['charge', -10 * PER_SECOND_MICROS],
    ['opening', 10 * PER_SECOND_MICROS],
  ])
  expect(after).toMatchObject({ balanceMicros: 0, heldMicros: 0 })
  await addsUp(stage())
}, 90_000)

test('a caller whose number is the card is asked for no PIN, and calls one after another in one visit', async () => {
  const card = await stageCard(stage(), { balanceMicros: 600 * PER_SECOND_MICROS, cli: ALICE })
  const witness = await stage().witness()
  const hangsUp: Callee = {
    answers: 'after',
    ringMs: 300,
    steps: [{ do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
  }
  await stage().answering(hangsUp, async (called) => {
    const steps = [...keys(KEYED), { do: 'wait' as const, ms: 12_000 }, ...keys(KEYED), stay]
    const caller = await stage().call(CARDS, { from: ALICE, steps })
    await until(() => expect(invites(called)).toBe(2), { atMostMs: 40_000 })
    await until(async () => expect((await books(stage(), card)).open).toEqual([]), { atMostMs: 15_000 })
    const noted = await Promise.all((await books(stage(), card)).holds.map((hold) => noteOf(stage(), hold)))
    caller.hangUp()
    await caller.ended
    // Asterisk's own instants, until nobody can need them any more.
    expect(noted).toEqual([expect.stringMatching(/^\d{13}$/), expect.stringMatching(/^\d{13}$/)])
  })
  await stage().settled()
  expect(said(witness)).not.toContain('pinbridge/enter-pin')
  expect(said(witness).filter((one) => one === 'minutes')).toHaveLength(2)
  const { card: after, holds } = await books(stage(), card)
  expect(holds).toHaveLength(2)
  for (const hold of holds) {
    expect(await noteOf(stage(), hold)).toBe('')
    expect(hold).toMatchObject({
      state: 'settled',
      callId: holds[0]!.callId,
      chargedMicros: costOfTalk(hold),
    })
    expect(hold.billedSeconds).toBeGreaterThanOrEqual(2)
    expect(hold.billedSeconds).toBeLessThanOrEqual(4)
  }
  const spent = holds.reduce((sum, { chargedMicros }) => sum + chargedMicros, 0)
  expect(after.balanceMicros).toBe(600 * PER_SECOND_MICROS - spent)
  await addsUp(stage())
}, 90_000)

test('whoever is called can send the call nowhere else: neither instead of an answer nor in the talk', async () => {
  const card = await stageCard(stage(), { balanceMicros: 600 * PER_SECOND_MICROS, cli: BOB })
  const witness = await stage().witness()
  const elsewhere = '+4930123456'
  await stage().answering({ answers: 'refuses', status: 302, redirectsTo: elsewhere }, async (called) => {
    const caller = await stage().call(CARDS, { from: BOB, steps: [...keys(KEYED), stay] })
    await until(() => expect(said(witness)).toContain('pinbridge/party-unreachable'), { atMostMs: 20_000 })
    caller.hangUp()
    await caller.ended
    expect(invites(called)).toBe(1)
    expect(called.messages()).not.toContain(`INVITE sip:${elsewhere}`)
  })
  const transfers: Callee = {
    answers: 'after',
    ringMs: 300,
    steps: [{ do: 'refer', to: elsewhere }, { do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
  }
  await stage().answering(transfers, async (called) => {
    const caller = await stage().call(CARDS, { from: BOB, steps: [...keys(KEYED), stay] })
    await until(async () => expect((await books(stage(), card)).holds).toHaveLength(1), { atMostMs: 20_000 })
    caller.hangUp()
    await caller.ended
    expect(invites(called)).toBe(1)
    expect(called.messages()).toContain('REFER sip:')
    expect(called.messages()).not.toContain(`INVITE sip:${elsewhere}`)
  })
  await stage().settled()
  const { holds, ledger } = await books(stage(), card)
  expect(holds).toMatchObject([{ state: 'settled', to: GERMANY }])
  expect(ledger).toHaveLength(2)
  await addsUp(stage())
}, 90_000)
