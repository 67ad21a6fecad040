import { expect, test } from '@jest/globals'
import type { Step } from '../support/sip-script.ts'
import { STRANGER, useStage, VN_A } from '../support/stage.ts'

const stage = useStage()

const talk: Step[] = [{ do: 'wait', ms: 4_000 }, { do: 'hangUp' }]
const PROMPT_STARTS_MS = 700

test.each<[string, Step[]]>([
  [
    'by RFC 4733 while the prompt plays',
    [
      { do: 'wait', ms: PROMPT_STARTS_MS },
      { do: 'keys', digits: '4711#' },
    ],
  ],
  ['by RFC 4733 before the prompt has begun', [{ do: 'keys', digits: '4711#' }]],
  [
    'by SIP INFO while the prompt plays',
    [
      { do: 'wait', ms: PROMPT_STARTS_MS },
      { do: 'info', digits: '4711#' },
    ],
  ],
  ['by SIP INFO before the prompt has begun', [{ do: 'info', digits: '4711#' }]],
  [
    'without #, ended by a pause',
    [
      { do: 'keys', digits: '4711' },
      { do: 'wait', ms: 2_000 },
    ],
  ],
  ['begun again with *', [{ do: 'info', digits: '99*4711#' }]],
])('the PIN is understood %s', async (_how, keys) => {
  const allocation = await stage().allocate({ a: { pin: '4711' } })
  await stage().answering({ answers: 'after', ringMs: 100, steps: [{ do: 'waitForHangUp' }] }, async () => {
    const caller = await stage().call(VN_A, { from: STRANGER, steps: [...keys, ...talk] })
    expect(await caller.ended).toBe(0)
  })
  const told = await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
  expect(told.completed[0]).toMatchObject({ call_type: 'completed', greenpin_id: allocation['greenpin_id'] })
})
