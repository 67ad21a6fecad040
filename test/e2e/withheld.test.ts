import { expect, test } from '@jest/globals'
import { connectAri } from '../../src/calls/ari.ts'
import { ringLeg } from '../../src/calls/leg.ts'
import { createLog } from '../../src/log.ts'
import { BOB, useStage, VN_A, VN_B } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()

test('where there is no number to show, the called party is told that it is withheld, and nothing else', async () => {
  const application = 'withheld'
  const ari = connectAri({
    ...{ url: stage().ariUrl, user: 'pinbridge', password: stage().ariPassword(), application },
    onStart: () => undefined,
    reconcile: () => Promise.resolve(),
    onReplaced: () => undefined,
    log: createLog('silent'),
  })
  try {
    await until(() => expect(ari.connected()).toBe(true))
    await stage().answering({ answers: 'never' }, async (called) => {
      const leg = ringLeg(ari, {
        ...{ channelId: `${application}-1`, number: BOB, callerId: undefined, callId: 'none' },
        ...{ ringMs: 10_000, maxTalkMs: 10_000, onAnswer: () => undefined },
      })
      await until(() => expect(called.messages()).toContain('SIP/2.0 180'), { atMostMs: 10_000 })
      leg.cancel()
      await leg.ended
      const invite = called.messages().slice(0, called.messages().indexOf('UDP message sent'))
      expect(invite).toContain(`INVITE sip:${BOB}@`)
      expect(/^From: (.*);tag/m.exec(invite)?.[1]).toBe('"Anonymous" <sip:anonymous@anonymous.invalid>')
      for (const number of [VN_A, VN_B]) expect(invite).not.toContain(number.slice(1))
    })
  } finally {
    ari.close()
  }
}, 60_000)
