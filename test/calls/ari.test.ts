import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type * as Asterisk from '../../src/calls/ari-types.ts'
import { connectAri, type Ari, type AriOptions, type Snapshot } from '../../src/calls/ari.ts'
import type { ChannelEvent } from '../../src/calls/listeners.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { fakeTime, soon } from './time.ts'

let asterisk: FakeAri
let ari: Ari
let starts: Asterisk.StasisStart[]
let snapshots: Snapshot[]
let replaced: number
let lines: string[]

beforeEach(async () => {
  fakeTime()
  starts = []
  snapshots = []
  replaced = 0
  lines = []
  asterisk = await startFakeAri()
})

afterEach(async () => {
  ari.close()
  await asterisk.stop()
  jest.advanceTimersByTime(2_000) // a retry that was waiting ends here
  await soon(() => expect(jest.getTimerCount()).toBe(0))
  jest.useRealTimers()
})

function start(options: Partial<AriOptions> = {}): void {
  ari = connectAri({
    url: asterisk.url,
    user: USER,
    password: PASSWORD,
    application: 'pinbridge',
    onStart: (event) => starts.push(event),
    reconcile: (snapshot) => Promise.resolve(void snapshots.push(snapshot)),
    onReplaced: () => replaced++,
    log: createLog('info', { write: (line: string) => void lines.push(line) }),
    ...options,
  })
}

async function connected(options: Partial<AriOptions> = {}): Promise<void> {
  start(options)
  await back()
}

/** Until the connection is there (again): the retries wait on faked timers. */
async function back(): Promise<void> {
  await soon(() => {
    if (!ari.connected()) jest.advanceTimersByTime(1)
    expect(ari.connected()).toBe(true)
  })
}

const lostConnection = () => soon(() => expect(ari.connected()).toBe(false))

/** Lets time pass as slowly as Asterisk can follow. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    jest.advanceTimersByTime(Math.min(1_000, ms - passed))
    await asterisk.settled()
  }
}

const ping = () => ari.request('GET', 'asterisk/ping')
const failure = (status: number, message: string) =>
  expect.objectContaining({ name: 'AriError', status, message: expect.stringContaining(message) })
const watch = (id: string) => {
  const seen: ChannelEvent[] = []
  ari.onChannel(id, (event) => seen.push(event))
  return seen
}

describe('connecting', () => {
  test('one socket takes the events, two more take requests, and the first filters what Asterisk sends', async () => {
    await connected()
    expect(asterisk.apps()).toEqual(['pinbridge', 'pinbridge-lane-1', 'pinbridge-lane-2'])
    const [first] = asterisk.requests
    expect(first).toMatchObject({ what: 'PUT applications/pinbridge/eventFilter', app: 'pinbridge' })
    expect(asterisk.filters.get('pinbridge')).toEqual(
      new Set([
        ...[
          'StasisStart',
          'StasisEnd',
          'Dial',
          'ChannelDtmfReceived',
          'ChannelDestroyed',
          'PlaybackFinished',
        ],
        ...['RecordingFinished', 'RecordingFailed', 'ApplicationReplaced', 'RESTResponse'],
      ]),
    )
    asterisk.emit({ type: 'ApplicationReplaced' }, 'pinbridge-lane-1')
    await asterisk.settled()
    expect(replaced).toBe(0)
  })

  test('the filter is set anew on every connect: Asterisk may have been restarted meanwhile', async () => {
    await connected()
    asterisk.filters.clear()
    asterisk.cut()
    await lostConnection()
    await back()
    expect(asterisk.filters.get('pinbridge')).toContain('RESTResponse')
  })

  test('the password travels in the header, never in a URL or a log line', async () => {
    await connected()
    for (const { url, authorization } of asterisk.upgrades) {
      expect(url).toMatch(/^\/ari\/events\?app=pinbridge(-lane-\d)?$/)
      expect(authorization).toBe(`Basic ${btoa(`${USER}:${PASSWORD}`)}`)
    }
    expect(lines.join()).not.toContain(PASSWORD)
  })

  test.each([401, 503, 0])(
    'refused with %d it tries on for ever, waiting up to two seconds, and complains once',
    async (status) => {
      asterisk.refuseSockets(status)
      const disconnected = jest.fn()
      start({ onDisconnect: disconnected })
      for (let tries = 1; tries <= 40; tries++) {
        await soon(() => expect(asterisk.upgrades).toHaveLength(tries))
        await soon(() => expect(jest.getTimerCount()).toBe(1))
        jest.advanceTimersToNextTimer()
      }
      const waits = asterisk.upgrades.map(({ at }, n) => at - (asterisk.upgrades[n - 1]?.at ?? at)).slice(1)
      for (const [n, wait] of waits.entries()) {
        const longest = Math.min(100 * 2 ** n, 2_000)
        expect(wait).toBeGreaterThanOrEqual(longest / 2 - 1)
        expect(wait).toBeLessThanOrEqual(longest)
      }
      expect(new Set(waits.slice(-20)).size).toBeGreaterThan(1) // jitter
      expect(lines).toHaveLength(1)
      expect(disconnected.mock.calls.length).toBeGreaterThanOrEqual(40)
      asterisk.refuseSockets(undefined)
      await back()
      expect(await ping()).toEqual({ ping: 'pong' })
    },
  )

  test('a lane that is refused leaves no half of a connection behind', async () => {
    let refused = 0
    asterisk.greet((app) => {
      if (app === 'pinbridge-lane-1' && refused++ === 0) asterisk.refuseSockets(503)
      else if (app === 'pinbridge') asterisk.refuseSockets(undefined)
    })
    start()
    await soon(() => expect(asterisk.upgrades.map(({ status }) => status)).toContain(503))
    await soon(() => expect(asterisk.apps()).toEqual([]))
    asterisk.refuseSockets(undefined)
    await back()
    expect(asterisk.apps()).toEqual(['pinbridge', 'pinbridge-lane-1', 'pinbridge-lane-2'])
  })

  test('closed in the middle of connecting, it stays closed', async () => {
    asterisk.greet((app) => app === 'pinbridge' && ari.close())
    start()
    await soon(() => expect(asterisk.upgrades.length).toBeGreaterThan(0))
    await soon(() => expect(asterisk.apps()).toEqual([]))
    jest.advanceTimersByTime(10_000)
    await asterisk.settled()
    expect(asterisk.upgrades.filter(({ url }) => url.endsWith('app=pinbridge'))).toHaveLength(1)
    expect(snapshots).toEqual([])
    expect(ari.connected()).toBe(false)
  })

  test('closed while it is refused, it says no more', async () => {
    asterisk.refuseSockets(503)
    start()
    await soon(() => expect(asterisk.upgrades).toHaveLength(1))
    ari.close()
    await asterisk.settled()
    expect(lines).toEqual([])
    expect(jest.getTimerCount()).toBe(0)
  })

  test('broken in the middle of connecting, it begins again and reconciles again', async () => {
    let first = true
    start({
      reconcile: (snapshot) => {
        snapshots.push(snapshot)
        if (first) asterisk.cut('pinbridge')
        first = false
        return Promise.resolve()
      },
    })
    await soon(() => expect(asterisk.upgrades).toHaveLength(3))
    await lostConnection()
    await back()
    await soon(() => expect(snapshots).toHaveLength(2))
    expect(await ping()).toEqual({ ping: 'pong' })
  })

  test('a reconcile that fails is repeated: calls are not taken before it has gone through', async () => {
    let failures = 3
    start({
      reconcile: () => (failures-- > 0 ? Promise.reject(new Error('the store is busy')) : Promise.resolve()),
    })
    await soon(() => expect(lines.join()).toContain('the store is busy'))
    expect(ari.connected()).toBe(false)
    asterisk.model.phones.calls({ id: 'c1' })
    await asterisk.settled()
    expect(starts).toEqual([])
    await back()
    expect(failures).toBe(-1)
  })
})

describe('events', () => {
  test('are held until what was found is dealt with, and then passed on in their order', async () => {
    let finish: (() => void) | undefined
    const order: string[] = []
    start({
      reconcile: () => new Promise((done) => (finish = done)),
      onStart: ({ channel }) => {
        order.push(`start ${channel.id}`)
        ari.onChannel(channel.id, (event) =>
          order.push(event.type === 'ChannelDtmfReceived' ? event.digit : event.type),
        )
      },
    })
    await soon(() => expect(finish).toBeDefined())
    asterisk.model.phones.calls({ id: 'c1' })
    asterisk.model.phones.presses('c1', '71')
    asterisk.model.phones.calls({ id: 'c2' })
    asterisk.model.phones.presses('c1', '3')
    asterisk.model.phones.hangsUp('c1')
    await asterisk.settled()
    expect(order).toEqual([])
    finish?.()
    await soon(() => expect(order).toContain('StasisEnd'))
    expect(order).toEqual(['start c1', '7', '1', 'start c2', '3', 'StasisEnd'])
  })

  test('that arrive in one segment with the handshake are not lost', async () => {
    asterisk.greet((app) => {
      if (app === 'pinbridge') asterisk.model.phones.calls({ id: 'early' })
    })
    await connected()
    expect(starts.map(({ channel }) => channel.id)).toEqual(['early'])
  })

  test('a caller who comes while the connection is set up is a new caller, not a left-over', async () => {
    asterisk.greet((app) => {
      if (app === 'pinbridge') asterisk.model.phones.calls({ id: 'new' })
    })
    asterisk.model.phones.calls({ id: 'waiting since before' })
    await connected()
    expect(snapshots[0]?.channels.map(({ id }) => id)).toEqual(['waiting since before'])
    expect(starts.map(({ channel }) => channel.id)).toEqual(['new'])
  })

  test('go to whom they concern: a dial to the leg that is dialled, a start to its leg before anybody else', async () => {
    await connected()
    const leg = watch('leg-1')
    asterisk.emit({ type: 'StasisStart', args: ['leg', 'x'], channel: { id: 'leg-1' } } as never)
    asterisk.emit({ type: 'Dial', dialstatus: 'ANSWER', peer: { id: 'leg-1' }, caller: { id: 'c' } } as never)
    asterisk.emit({ type: 'ChannelDestroyed', cause: 16, channel: { id: 'unheard of' } } as never)
    await asterisk.settled()
    expect(leg.map(({ type }) => type)).toEqual(['StasisStart', 'Dial'])
    expect(starts).toEqual([])
  })

  test('whoever has stopped listening hears nothing, and stops nobody else', async () => {
    await connected()
    const off = ari.onChannel('c1', () => undefined)
    const second = watch('c1')
    off()
    asterisk.emit({ type: 'ChannelDestroyed', cause: 16, channel: { id: 'c1' } } as never)
    await soon(() => expect(second).toHaveLength(1))
  })

  test('unknown, malformed and huge ones are passed over', async () => {
    await connected()
    asterisk.filters.clear()
    const nonsense = [
      ...['', 'not json', '[]', 'null', '17', '"text"', '{}', '{"type":7}', '{"type":"NewIn23"}'],
      ...['{"type":"ChannelDtmfReceived"}', '{"type":"Dial"}', '{"type":"PlaybackFinished","playback":null}'],
      ...['{"type":"RESTResponse"}', '{"type":"RESTResponse","request_id":"whose?","status_code":200}'],
      JSON.stringify({ type: 'ChannelUserevent', userevent: 'x'.repeat(1_000_000) }),
      JSON.stringify({ type: 'StasisStart', args: [], channel: null }),
    ]
    for (const text of nonsense) asterisk.say(text)
    asterisk.model.phones.calls({ id: 'c1' })
    await soon(() => expect(starts.map(({ channel }) => channel.id)).toEqual(['c1']))
    expect(await ping()).toEqual({ ping: 'pong' })
    expect(ari.connected()).toBe(true)
  })

  test('a listener that fails takes no others with it', async () => {
    await connected()
    ari.onChannel('c1', () => {
      throw new Error('a bug')
    })
    const other = watch('c2')
    asterisk.emit({ type: 'ChannelDestroyed', cause: 16, channel: { id: 'c1' } } as never)
    asterisk.emit({ type: 'ChannelDestroyed', cause: 16, channel: { id: 'c2' } } as never)
    await soon(() => expect(other).toHaveLength(1))
    expect(lines.join()).toContain('a bug')
  })
})

describe('requests', () => {
  test("are answered with Asterisk's JSON, with nothing for 204, or with its no", async () => {
    await connected()
    asterisk.model.phones.calls({ id: 'c1' })
    expect(await ping()).toEqual({ ping: 'pong' })
    expect(await ari.request('POST', 'channels/c1/answer')).toBeUndefined()
    asterisk.refuse('POST channels/*/play', 409)
    await expect(
      ari.request('POST', 'channels/c1/play', { playbackId: 'p', media: ['sound:x'] }),
    ).rejects.toEqual(failure(409, 'POST channels/c1/play: 409'))
  })

  test('an answer whose body is no JSON fails that request and nothing else', async () => {
    await connected()
    asterisk.answerWith('GET asterisk/ping', '{ "half":')
    await expect(ping()).rejects.toEqual(failure(200, 'GET asterisk/ping'))
    expect(await ping()).toEqual({ ping: 'pong' })
  })

  test('urgent ones overtake: a prompt that holds up both lanes can still be stopped', async () => {
    await connected()
    const { model } = asterisk
    for (const id of ['c1', 'c2']) {
      model.phones.calls({ id })
      await ari.request('POST', `channels/${id}/play`, { playbackId: `p-${id}`, media: ['sound:x'] })
    }
    // Asterisk answers neither before the prompt is over.
    const answering = ['c1', 'c2'].map((id) => ari.request('POST', `channels/${id}/answer`))
    await soon(() => expect(model.stalls).toHaveLength(2))
    const stuck = ping()
    await ari.request('DELETE', 'playbacks/p-c1', undefined, 'urgent')
    await answering[0]
    await ari.request('DELETE', 'playbacks/p-c2', undefined, 'urgent')
    await Promise.all([...answering, stuck])
    expect(asterisk.requests.filter(({ method }) => method === 'DELETE').map(({ app }) => app)).toEqual([
      'pinbridge',
      'pinbridge',
    ])
  })

  test('each goes where the fewest wait', async () => {
    await connected()
    const held = asterisk.hold('GET asterisk/ping')
    const first = ping()
    const { asked, release } = await held
    for (let n = 0; n < 3; n++) await ping()
    const others = new Set(
      asterisk.requests
        .filter(({ what }) => what === asked.what)
        .slice(1)
        .map(({ app }) => app),
    )
    expect(others.size).toBe(1)
    expect(others).not.toContain(asked.app)
    release()
    await first
  })

  test('none goes where an overdue one still blocks', async () => {
    await connected()
    const held = asterisk.hold('GET asterisk/ping')
    const never = expect(ping()).rejects.toEqual(failure(0, 'no answer'))
    const { asked } = await held
    jest.advanceTimersByTime(5_000)
    await never
    for (let n = 0; n < 4; n++) await ping()
    expect(asterisk.requests.slice(-4).map(({ app }) => app)).not.toContain(asked.app)
  })

  test('one that is never answered fails after five seconds, and its late answer disturbs nobody', async () => {
    await connected()
    const held = asterisk.hold('GET asterisk/ping')
    const never = ping()
    void never.catch(() => undefined)
    const { release } = await held
    jest.advanceTimersByTime(4_999)
    await asterisk.settled()
    jest.advanceTimersByTime(1)
    await expect(never).rejects.toEqual(failure(0, 'GET asterisk/ping: no answer in 5000 ms'))
    release()
    await asterisk.settled()
    expect(await ping()).toEqual({ ping: 'pong' })
  })

  test.each(['pinbridge', 'pinbridge-lane-1', undefined])(
    'in flight when %s breaks: all fail at once, because nobody knows what became of them',
    async (app) => {
      await connected()
      asterisk.drop('GET asterisk/ping', 3)
      const inFlight = [ping(), ping(), ari.request('GET', 'asterisk/ping', undefined, 'urgent')]
      const results = Promise.allSettled(inFlight)
      await soon(() => expect(asterisk.asked()).toHaveLength(3))
      asterisk.cut(app)
      for (const result of await results)
        expect(result).toMatchObject({ status: 'rejected', reason: failure(0, 'the connection broke') })
      await back()
      expect(asterisk.asked()).toHaveLength(3)
    },
  )

  test('in flight on lanes that say nothing any more, they fail with the connection', async () => {
    await connected()
    asterisk.drop('GET asterisk/ping', 2)
    const results = Promise.allSettled([ping(), ping()])
    await soon(() => expect(asterisk.asked()).toHaveLength(2))
    asterisk.deafen('pinbridge-lane-1')
    asterisk.deafen('pinbridge-lane-2')
    asterisk.cut('pinbridge')
    for (const result of await results)
      expect(result).toMatchObject({ status: 'rejected', reason: failure(0, 'the connection broke') })
  })

  test('made during an outage they are sent after it', async () => {
    await connected()
    asterisk.refuseSockets(503)
    asterisk.cut()
    await lostConnection()
    const answers = [ping(), ari.request('GET', 'asterisk/ping', undefined, 'urgent')]
    await pass(1_000)
    asterisk.refuseSockets(undefined)
    await back()
    expect(await Promise.all(answers)).toEqual([{ ping: 'pong' }, { ping: 'pong' }])
  })

  test('made during an outage of more than five seconds they fail', async () => {
    await connected()
    asterisk.refuseSockets(503)
    asterisk.cut()
    await lostConnection()
    const hopeless = expect(ping()).rejects.toEqual(failure(0, 'not connected'))
    await pass(5_000)
    await hopeless
  })
})

describe('losing the connection', () => {
  test('it says so once, and comes back', async () => {
    const disconnected = jest.fn()
    await connected({ onDisconnect: disconnected })
    asterisk.cut()
    await lostConnection()
    await back()
    expect(disconnected).toHaveBeenCalledTimes(1)
    expect(asterisk.apps()).toEqual(['pinbridge', 'pinbridge-lane-1', 'pinbridge-lane-2'])
  })

  test.each(['pinbridge', 'pinbridge-lane-2'])(
    'a %s that says nothing more is found out by pings and replaced',
    async (app) => {
      await connected()
      asterisk.freeze(app)
      await pass(9_000)
      expect(ari.connected()).toBe(true)
      await pass(6_000)
      await lostConnection()
      await back()
      expect(await ping()).toEqual({ ping: 'pong' })
      expect(asterisk.upgrades).toHaveLength(6)
    },
  )

  test('one that is merely quiet stays', async () => {
    await connected()
    await pass(120_000)
    expect(ari.connected()).toBe(true)
    expect(asterisk.upgrades).toHaveLength(3)
  })

  test('what becomes of channels meanwhile is told when it is back: still there, in which state, or gone since when', async () => {
    await connected()
    const { model } = asterisk
    for (const id of ['stays', 'answers', 'leaves']) model.phones.calls({ id })
    const [stays, answers, leaves] = [watch('stays'), watch('answers'), watch('leaves')]
    await asterisk.settled()
    for (const seen of [stays, answers, leaves]) seen.length = 0
    asterisk.refuseSockets(503)
    asterisk.cut()
    await lostConnection()
    const lostAt = Date.now()
    model.phones.answers('answers')
    model.phones.hangsUp('leaves')
    await pass(3_000)
    asterisk.refuseSockets(undefined)
    await back()
    expect(stays).toMatchObject([{ type: 'Seen', channel: { id: 'stays', state: 'Ring' } }])
    expect(answers).toMatchObject([{ type: 'Seen', channel: { state: 'Up' } }])
    expect(leaves).toEqual([{ type: 'Vanished', lastSeenAt: lostAt }])
  })

  test('a channel whose creation waits for the connection has not vanished', async () => {
    await connected()
    asterisk.cut()
    await lostConnection()
    const seen = watch('leg-1')
    const created = ari.request('POST', 'channels/create', {
      channelId: 'leg-1',
      endpoint: 'PJSIP/+491234567@trunk',
      appArgs: 'leg,x',
    })
    await back()
    await created
    await soon(() => expect(seen.map(({ type }) => type)).toEqual(['StasisStart']))
  })

  test('prompts that ended meanwhile are over, those that go on or have not begun are not', async () => {
    await connected()
    const { model } = asterisk
    const ended: string[] = []
    const play = (id: string) => {
      ari.onPlaybackFinished(id, (state) => ended.push(`${id} ${state}`))
      return ari.request('POST', `channels/${id}/play`, { playbackId: id, media: ['sound:x'] })
    }
    for (const id of ['over', 'on', 'waits']) model.phones.calls({ id })
    await Promise.all([play('over'), play('on')])
    asterisk.refuseSockets(503)
    asterisk.cut()
    await lostConnection()
    model.finishPrompt('over')
    const waiting = play('waits')
    asterisk.refuseSockets(undefined)
    await back()
    await waiting
    expect(ended).toEqual(['over done'])
    model.finishPrompt('on')
    model.finishPrompt('waits')
    await soon(() => expect(ended).toEqual(['over done', 'on done', 'waits done']))
  })

  test('another process takes over: this one goes, says so once, and never comes back', async () => {
    const disconnected = jest.fn()
    await connected({ onDisconnect: disconnected })
    asterisk.emit({ type: 'ApplicationReplaced' })
    asterisk.emit({ type: 'ApplicationReplaced' })
    await soon(() => expect(asterisk.apps()).toEqual([]))
    await pass(60_000)
    expect(replaced).toBe(1)
    expect(asterisk.upgrades).toHaveLength(3)
    expect(disconnected).not.toHaveBeenCalled()
  })

  test('its own old socket, which Asterisk has not let go of yet, is no rival', async () => {
    await connected()
    asterisk.deafen('pinbridge')
    asterisk.cut('pinbridge-lane-1')
    await lostConnection()
    await back()
    await asterisk.settled()
    expect(replaced).toBe(0)
    expect(await ping()).toEqual({ ping: 'pong' })
  })

  test('closed on purpose, it does not come back, and requests fail', async () => {
    await connected()
    ari.close()
    await soon(() => expect(asterisk.apps()).toEqual([]))
    const refused = expect(ping()).rejects.toEqual(failure(0, 'not connected'))
    await pass(10_000)
    await refused
    expect(asterisk.upgrades).toHaveLength(3)
  })
})
