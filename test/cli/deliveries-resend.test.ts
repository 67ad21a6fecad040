import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { v7 } from 'uuid'
import { until } from '../support/until.ts'
import { webhookSink } from '../support/webhook-sink.ts'
import { installation, SLOW_MS, type Installation } from './command.ts'
import { addAccount, callCompleted, commit, ENDPOINT, giveUp, listed, settle } from './stored-events.ts'

let pinbridge: Installation

beforeEach(() => {
  pinbridge = installation()
})
afterEach(() => pinbridge.close())

describe('deliveries resend', () => {
  test(
    'what was given up arrives after all, in a running application, as the same event',
    async () => {
      const sink = await webhookSink()
      // Far away, so that no retry of its own delivers the event.
      sink.answer({ status: 503, headers: { 'retry-after': '3600' } }, 204)
      try {
        const { id: accountId, secret } = await addAccount(pinbridge, 'acme', sink.url)
        const event = callCompleted(accountId)
        const { id } = event
        await pinbridge.store().addEvents([event])
        await pinbridge.serve()
        const state = async () => (await pinbridge.store().findEvent(id))?.state
        await until(async () => expect((await pinbridge.store().findEvent(id))?.attempts).toBe(1), {
          atMostMs: 15_000,
        })
        await giveUp(pinbridge, id)
        expect(await state()).toBe('dead')

        const { code, stdout, stderr } = await pinbridge.run('deliveries', 'resend', id)
        expect([code, stderr]).toEqual([0, ''])
        expect(stdout).toBe(`${id}  due now\n\n1 of 1 will be sent again, as soon as pinbridge runs.\n`)
        await until(() => expect(sink.received).toHaveLength(2), { atMostMs: 15_000 })
        await until(async () => expect(await state()).toBe('delivered'))

        const [first, again] = sink.received.map(({ body, headers }) => {
          new Webhook(secret).verify(body, headers as Record<string, string>)
          return { body, id: headers['webhook-id'] }
        })
        expect(first?.id).toBe(id)
        expect(again).toEqual(first)
        expect(first?.body).toContain('https://pinbridge.example/ivr/recordings/')
        const shown = await pinbridge.run('deliveries', 'show', id, '--reveal')
        expect(shown.stdout.trimEnd().split('\n').at(-1)).toBe(again?.body)
      } finally {
        await sink.close()
      }
    },
    SLOW_MS,
  )

  test('tells of each what happened, and fails if any cannot be resent', async () => {
    const [good] = (await commit(pinbridge, (await addAccount(pinbridge, 'acme', ENDPOINT)).id)) as [string]
    const [deaf] = (await commit(pinbridge, (await addAccount(pinbridge, 'quiet')).id)) as [string]
    const absent = v7()
    const { code, document } = await pinbridge.json('deliveries', 'resend', absent, good, good, deaf)
    const results = [
      { id: absent, resent: false, reason: 'not_found' },
      { id: good, resent: true },
      { id: deaf, resent: false, reason: 'no_endpoint' },
    ]
    expect([code, document]).toEqual([1, { resent: 1, failed: 2, results }])
    const { code: again, stdout } = await pinbridge.run('deliveries', 'resend', good, deaf)
    expect(again).toBe(1)
    expect(stdout).toContain(`${deaf}  not resent: its account has no endpoint for it now\n`)
    expect(stdout).toContain('1 of 2 will be sent again')
  })

  test('all that an account was not told, however many, and of that account only', async () => {
    const [acme, other] = [
      await addAccount(pinbridge, 'acme', ENDPOINT),
      await addAccount(pinbridge, 'other', ENDPOINT),
    ]
    const [ids, others] = [await commit(pinbridge, acme.id, 205), await commit(pinbridge, other.id)]
    const [later] = (await commit(pinbridge, acme.id)) as [string]
    await settle(pinbridge, { state: 'delivered', status: 200 }, later)
    await giveUp(pinbridge, ...ids, ...others)

    const { code, document } = await pinbridge.json('deliveries', 'resend', '--account', 'acme', '--dead')
    const results = ids.map((id) => ({ id, resent: true }))
    expect([code, document]).toEqual([0, { resent: 205, failed: 0, results }])
    const due = await pinbridge.store().events({ accountId: acme.id, state: 'waiting', limit: 1_000 })
    expect(due.map(({ event, attempts }) => [event.id, attempts])).toEqual(ids.reverse().map((id) => [id, 0]))
    expect((await listed(pinbridge, '--state', 'dead')).ids).toEqual(others)

    const { code: nothing, stdout } = await pinbridge.run(
      'deliveries',
      'resend',
      '--account',
      'acme',
      '--dead',
    )
    expect([nothing, stdout]).toEqual([0, 'No event of this account is given up.\n'])
  })
})
