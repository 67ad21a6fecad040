import { beforeAll, expect, test } from '@jest/globals'
import {
  addCardNumber,
  addsUp,
  answers,
  books,
  CARDS,
  costOfTalk,
  KEYED,
  keys,
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

const rings: Callee = { answers: 'never' }

/** What the world looks like when the caller hangs up. */
type Moment = (witness: Witness, called: Phone) => void | Promise<void>
const heard = (witness: Witness, text: string) => expect(said(witness)).toContain(text)
const sent = (phone: Phone, text: string) => expect(phone.messages()).toContain(text)

const free: [string, string[], Callee, Moment][] = [
  ['asked for the PIN', [], rings, (witness) => heard(witness, 'pinbridge/enter-pin')],
  ['asked for a number', ['PIN'], rings, (witness) => heard(witness, 'vm-youhave')],
  ['told how long the money lasts', ['PIN', KEYED], rings, (witness) => heard(witness, 'minutes')],
  ['the number is invited', ['PIN', KEYED], rings, (_, called) => sent(called, 'INVITE')],
  ['the number rings', ['PIN', KEYED], rings, (_, called) => sent(called, 'SIP/2.0 180')],
]

test.each(free)(
  'the caller hangs up when %s: nothing is held, nothing is charged',
  async (_, inputs, callee, moment) => {
    const { card, after, holds, open } = await hangUpAt(inputs, callee, moment)
    expect(open).toEqual([])
    expect(holds).toEqual([])
    expect(after).toMatchObject({ balanceMicros: card.balanceMicros, heldMicros: 0, firstUsedAt: undefined })
  },
  60_000,
)

test('the caller hangs up in the talk: it is charged to that instant, and the called party is let go', async () => {
  const { card, after, holds } = await hangUpAt(['PIN', KEYED], answers, async () => {
    await stage().talking(2)
  })
  expect(holds).toMatchObject([{ state: 'settled', chargedMicros: costOfTalk(holds[0]!) }])
  expect(after).toMatchObject({ balanceMicros: card.balanceMicros - holds[0]!.chargedMicros, heldMicros: 0 })
}, 60_000)

async function hangUpAt(inputs: string[], callee: Callee, moment: Moment) {
  const card = await stageCard(stage(), { balanceMicros: 600 * PER_SECOND_MICROS })
  const witness = await stage().witness()
  const keyed = inputs.map((input) => (input === 'PIN' ? `${card.pin}#` : input))
  await stage().answering(callee, async (called) => {
    const caller = await stage().call(CARDS, { from: STRANGER, steps: [...keys(...keyed), stay] })
    await until(() => moment(witness, called), { atMostMs: 30_000 })
    caller.hangUp()
    await caller.ended
  })
  await stage().settled()
  await addsUp(stage())
  const { card: after, holds, open } = await books(stage(), card)
  return { card, after, holds, open }
}
