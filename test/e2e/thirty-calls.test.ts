import { expect, test } from '@jest/globals'
import { useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()

const CALLS = 30

test('thirty callers at once, each with a PIN of their own, reach thirty other parties', async () => {
  const rows: string[][] = []
  for (let n = 0; n < CALLS; n++) {
    const pin = String(4100 + 7 * n)
    const b = { numbers: [`+9195500000${String(n).padStart(2, '0')}`] }
    await stage().allocate({ transaction_id: `order-${n}`, a: { pin }, b })
    rows.push([`+9198000000${String(n).padStart(2, '0')}`, ...Array.from(pin)])
  }
  const witness = await stage().witness()
  await stage().answering(
    { answers: 'after', ringMs: 500, steps: [{ do: 'waitForHangUp' }] },
    async (called) => {
      const callers = await stage().call(
        VN_A,
        {
          from: '[field0]',
          steps: [
            { do: 'info', digits: '[field1][field2][field3][field4]#' },
            { do: 'wait', ms: 8_000 },
            { do: 'hangUp' },
          ],
        },
        rows,
      )
      // All of them talk at the same time, each with the right party, in a bridge of two.
      await until(
        async () => {
          const bridges = (await stage().ari('GET', 'bridges')) as { channels: string[] }[]
          expect(bridges.filter(({ channels }) => channels.length === 2)).toHaveLength(CALLS)
        },
        { atMostMs: 20_000 },
      )
      expect(await callers.ended).toBe(0)
      for (let n = 0; n < CALLS; n++)
        expect(called.messages()).toContain(`INVITE sip:+9195500000${String(n).padStart(2, '0')}@`)
    },
  )

  const { completed } = await stage().eventsOf({ completed: CALLS, verified: CALLS, refused: 0 })
  const pairs = completed.map(({ transaction_id, from, to }) => ({ transaction_id, from, to }))
  expect(pairs).toEqual(
    expect.arrayContaining(
      rows.map(([from], n) => ({
        transaction_id: `order-${n}`,
        from,
        to: `+9195500000${String(n).padStart(2, '0')}`,
      })),
    ),
  )

  // What our client reported is what a client of somebody else's making saw.
  const ours = stage().app().log()
  const said = (msg: string) => ours.filter((line) => line['msg'] === msg)
  const calls = said('call').map((line) => String(line['call']))
  const callers = said('call').map((line) => String(line['channel']))
  const legs = said('leg ended').map(({ channel, cause }) => ({ id: String(channel), cause: Number(cause) }))
  expect([calls.length, callers.length, legs.length]).toEqual([CALLS, CALLS, CALLS])

  const seen = (type: string) => witness.seen.filter((event) => event.type === type)
  const ids = (list: (string | undefined)[]) => [...new Set(list)].sort()
  const bridges = ids(calls.map((id) => `pinbridge-${id}`))
  expect(ids(seen('BridgeCreated').map(({ bridge }) => bridge?.id))).toEqual(bridges)
  expect(ids(seen('BridgeDestroyed').map(({ bridge }) => bridge?.id))).toEqual(bridges)
  const channels = ids([...callers, ...legs.map(({ id }) => id)])
  expect(ids(seen('ChannelCreated').map(({ channel }) => channel?.id))).toEqual(channels)
  const destroyed = seen('ChannelDestroyed').map(({ channel, cause }) => ({ id: channel?.id, cause }))
  expect(ids(destroyed.map(({ id }) => id))).toEqual(channels)
  const byId = (a: { id?: string | undefined }, b: { id?: string | undefined }) => (a.id! < b.id! ? -1 : 1)
  expect(destroyed.filter(({ id }) => id?.startsWith('pinbridge-')).sort(byId)).toEqual(legs.sort(byId))
}, 90_000)
