import { beforeAll, expect, test } from '@jest/globals'
import {
  addCardNumber,
  addsUp,
  answers,
  books,
  CARDS,
  invites,
  KEYED,
  keys,
  said,
  stageCard,
  stay,
} from '../support/card-stage.ts'
import { PER_SECOND_MICROS } from '../support/paid.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()
beforeAll(() => addCardNumber(stage()))

const CALLERS = 20

test('twenty callers with one card at once: one of them is connected, the others hear that no more calls can be made', async () => {
  // It lasts longer than the others need to be told.
  const card = await stageCard(stage(), { balanceMicros: 40 * PER_SECOND_MICROS, cards: { warnMs: 0 } })
  const witness = await stage().witness()
  const told = () => said(witness).filter((one) => one === 'pinbridge/card-busy').length
  await stage().answering(answers, async (called) => {
    const rows = Array.from({ length: CALLERS }, (_, n) => [`+9198000000${String(n).padStart(2, '0')}`])
    const steps = [...keys(`${card.pin}#`, KEYED), stay]
    const callers = await stage().call(CARDS, { from: '[field0]', steps }, rows)
    await until(() => expect(told()).toBe(CALLERS - 1), { atMostMs: 40_000 })
    expect(await stage().talking(CALLERS + 1)).toHaveLength(CALLERS + 1)
    const { open, card: meanwhile } = await books(stage(), card)
    expect(open).toHaveLength(1)
    expect(meanwhile).toMatchObject({ heldMicros: 40 * PER_SECOND_MICROS })
    expect(await callers.ended).toBe(0)
    expect(invites(called)).toBe(1)
  })
  await stage().settled()
  const { holds, ledger, card: after } = await books(stage(), card)
  expect(holds).toMatchObject([{ state: 'settled', billedSeconds: 40 }])
  expect(ledger).toHaveLength(2)
  expect(after).toMatchObject({ balanceMicros: 0, heldMicros: 0 })
  await addsUp(stage())
}, 120_000)
