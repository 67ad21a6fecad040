import { expect, test } from '@jest/globals'
import { ALICE, BOB, STRANGER, useStage, VN_A, VN_B } from '../support/stage.ts'

const stage = useStage({ env: { PINBRIDGE_LOG_LEVEL: 'trace' } })

/** Nine digits that stand nowhere by chance. */
const PIN = '730951864'
const WRONG = '918273645'

test('what a caller keys is found in no INVITE, log, Asterisk file, variable or event but where the contract wants it', async () => {
  await stage().allocate({ a: { pin: PIN, numbers: [ALICE] } })
  await stage().answering(
    { answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] },
    async (called) => {
      const caller = await stage().call(VN_A, {
        from: STRANGER,
        steps: [
          { do: 'info', digits: `${WRONG}#` },
          { do: 'keys', digits: `${PIN}#` },
          { do: 'wait', ms: 9_500 },
          { do: 'hangUp' },
        ],
      })
      // While both talk: everything that Asterisk would tell about the two channels.
      const channels = await stage().talking(2)
      const names = ['CALLERID(all)', 'CONNECTEDLINE(all)', 'CHANNEL(appdata)', 'PJSIP_DIAL_CONTACTS(trunk)']
      for (const { id } of channels)
        for (const name of names) {
          const uri = `channels/${encodeURIComponent(id)}/variable?variable=${encodeURIComponent(name)}`
          expectNothingOf(JSON.stringify(await stage().ari('GET', uri)))
        }
      expectNothingOf(JSON.stringify(channels))
      expect(await caller.ended).toBe(0)

      // The called party learns neither the PIN nor who calls, in any header, and sees a number of its own.
      expectNothingOf(called.messages())
      expect(called.messages()).toContain(`INVITE sip:${BOB}@`)
      expect(called.messages()).toContain(`From: <sip:${VN_B}@`)
      for (const number of [STRANGER, ALICE]) expect(called.messages()).not.toContain(number.slice(-7))
      // Nor does the caller learn who is called.
      expect(caller.messages()).not.toContain(BOB.slice(-7))
    },
  )

  const { completed, verified, refused } = await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
  expect(refused).toEqual([])
  expectNothingOf(JSON.stringify(completed))
  expect(verified[0]).toMatchObject({ pin: PIN })
  expectNothingOf(JSON.stringify({ ...verified[0], pin: undefined }))

  const files = stage().written()
  expect(files.map(({ file }) => file).some((file) => file.endsWith('app.log'))).toBe(true)
  expect(files.length).toBeGreaterThan(10)
  for (const { text } of files) expectNothingOf(text)
  // Full numbers stay out of our own log as well.
  for (const number of [STRANGER, BOB, VN_A]) expect(stage().app().rawLog()).not.toContain(number.slice(-7))
}, 60_000)

/** Plain, one digit a line, base64, or spelt in JSON: not a trace. */
function expectNothingOf(text: string): void {
  for (const digits of [PIN, WRONG]) {
    expect(text).not.toContain(digits)
    expect(text.replaceAll(/[^0-9]/g, '')).not.toContain(digits)
    expect(text).not.toContain(Buffer.from(digits).toString('base64').replace(/=+$/, ''))
  }
}
