import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation } from './command.ts'
import { addAccount, commit, ENDPOINT, giveUp, listed, settle } from './stored-events.ts'

let pinbridge: Installation

beforeEach(() => {
  pinbridge = installation()
})
afterEach(() => pinbridge.close())

describe('deliveries list', () => {
  test(
    'tells what became of each event, newest first',
    async () => {
      expect((await pinbridge.run('deliveries', 'list')).stdout).toBe('There is no such event.\n')
      const [acme, quiet] = [
        await addAccount(pinbridge, 'acme', ENDPOINT),
        await addAccount(pinbridge, 'quiet'),
      ]
      const [dead, waiting] = (await commit(pinbridge, acme.id, 2)) as [string, string]
      const [unheard] = (await commit(pinbridge, quiet.id)) as [string]
      await giveUp(pinbridge, dead)
      const dueAt = Date.UTC(2030, 0, 2, 3, 4, 5, 678)
      await settle(pinbridge, { state: 'retry', dueAt, reason: 'ECONNREFUSED' }, waiting)

      const { code, document } = await pinbridge.json('deliveries', 'list')
      const common = { type: 'caller.refused', at: expect.any(String) }
      const [nextTryAt, none] = ['2030-01-02T03:04:05.678Z', { nextTryAt: null, lastWord: null }]
      expect([code, document]).toEqual([
        0,
        {
          deliveries: [
            { ...common, id: unheard, account: 'quiet', state: 'no_receiver', attempts: 0, ...none },
            {
              ...common,
              id: waiting,
              account: 'acme',
              state: 'waiting',
              attempts: 1,
              nextTryAt,
              lastWord: 'ECONNREFUSED',
            },
            {
              ...common,
              id: dead,
              account: 'acme',
              state: 'dead',
              attempts: 1,
              ...none,
              lastWord: 'HTTP 500',
            },
          ],
          next: null,
        },
      ])
      const lines = (await pinbridge.run('deliveries', 'list')).stdout
        .split('\n')
        .map((line) => line.split(/ {2,}/))
      expect(lines).toEqual([
        ['ID', 'ACCOUNT', 'EVENT', 'STATE', 'ATTEMPTS', 'NEXT TRY', 'LAST WORD'],
        [unheard, 'quiet', 'caller.refused', 'no_receiver', '0', '-', '-'],
        [waiting, 'acme', 'caller.refused', 'waiting', '1', nextTryAt, 'ECONNREFUSED'],
        [dead, 'acme', 'caller.refused', 'dead', '1', '-', 'HTTP 500'],
        [''],
      ])
    },
    SLOW_MS,
  )

  test(
    'by account and state, page by page',
    async () => {
      const [acme, other] = [
        await addAccount(pinbridge, 'acme', ENDPOINT),
        await addAccount(pinbridge, 'other', ENDPOINT),
      ]
      const ids = (await commit(pinbridge, acme.id, 5)).reverse()
      const [others] = (await commit(pinbridge, other.id)) as [string]
      await giveUp(pinbridge, ...ids.slice(3), others)
      expect(await listed(pinbridge, '--account', 'acme')).toEqual({ ids, next: null })
      expect(await listed(pinbridge, '--state', 'dead')).toEqual({
        ids: [others, ...ids.slice(3)],
        next: null,
      })
      expect(await listed(pinbridge, '--state', 'dead', '--account', 'acme')).toEqual({
        ids: ids.slice(3),
        next: null,
      })

      const first = await listed(pinbridge, '--account', 'acme', '--limit', '2')
      expect(first).toEqual({ ids: ids.slice(0, 2), next: ids[1] })
      const second = await listed(
        pinbridge,
        '--account',
        'acme',
        '--limit',
        '2',
        '--before',
        String(first.next).toUpperCase(),
      )
      expect(second).toEqual({ ids: ids.slice(2, 4), next: ids[3] })
      // A full last page is known to be the last.
      expect(await listed(pinbridge, '--limit', '1', '--before', String(second.next))).toEqual({
        ids: [ids[4]],
        next: null,
      })
      const { stdout } = await pinbridge.run('deliveries', 'list', '--limit', '5')
      expect(stdout).toMatch(new RegExp(`\n\nThere are older ones: --before ${ids[3] ?? ''}\n$`))
    },
    SLOW_MS,
  )

  test('fifty unless asked for more', async () => {
    const ids = await commit(pinbridge, (await addAccount(pinbridge, 'acme')).id, 51)
    expect((await listed(pinbridge)).ids).toEqual(ids.slice(1).reverse())
    expect((await listed(pinbridge, '--limit', '1000')).ids).toHaveLength(51)
  })
})

test.each([
  [['list', '--state', 'lost'], 'Allowed choices are waiting, delivered, dead, no_receiver.'],
  [['list', '--limit', '0'], 'Expected 1 to 1000.'],
  [['list', '--limit', '1001'], 'Expected 1 to 1000.'],
  [['list', '--limit', 'x'], 'Expected 1 to 1000.'],
  [['list', '--before', 'yesterday'], 'Expected the id of an event'],
  [['show'], "missing required argument 'id'"],
  [['resend'], 'expected ids, or --account <sid> with --dead'],
  [['resend', '--dead'], 'expected ids, or --account <sid> with --dead'],
  [['resend', '--account', 'acme'], 'expected ids, or --account <sid> with --dead'],
  [['resend', 'x', '--account', 'acme', '--dead'], 'expected ids, or --account <sid> with --dead'],
])('used wrongly, %j, ends with 64', async (args, message) => {
  const { code, document } = await pinbridge.json('deliveries', ...args)
  expect([code, document]).toEqual([
    64,
    { error: { code: 'usage', message: expect.stringContaining(message) } },
  ])
})

test.each([[['list', '--account', 'nobody']], [['resend', '--account', 'nobody', '--dead']]])(
  'an account that is not there is refused: %j',
  async (args) => {
    const { code, document } = await pinbridge.json('deliveries', ...args)
    expect([code, document]).toMatchObject([1, { error: { code: 'not_found' } }])
  },
)
