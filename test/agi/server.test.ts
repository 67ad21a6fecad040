import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { writePins } from '../../src/engine/pin-databases.ts'
import { testAccount } from '../support/context.ts'
import { until } from '../support/until.ts'
import { openDoor, type TestDoor } from './door.ts'
import { environmentOf } from './peer.ts'

let door: TestDoor
const sockets: Socket[] = []

beforeEach(async () => {
  door = await openDoor()
  const account = await testAccount(door.ctx)
  const range = { start: '4711', end: '4711', beginsAt: undefined, expiresAt: undefined }
  await writePins(door.ctx, account, 1, range, 1)
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await door.close()
})

/** Somebody who has connected; `closed` resolves when we let go. */
function stranger(hello = ''): { socket: Socket; closed: Promise<void>; heard: () => string } {
  const socket = connect({ port: door.port, host: '127.0.0.1' })
  let text = ''
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.on('data', (piece) => (text += String(piece)))
  if (hello !== '') socket.write(hello)
  return { socket, closed: new Promise((done) => socket.on('close', () => done())), heard: () => text }
}

test('two hundred callers at once, each with an answer of its own', async () => {
  const callers = Array.from({ length: 200 }, (_, i) => ({
    keys: i % 2 === 0 ? '.4711#' : '.99#',
    environment: { callerid: `+9198110${String(i).padStart(5, '0')}`, network_script: 'check?attempts=1' },
  }))
  const visits = await Promise.all(callers.map((caller) => door.visited(caller)))
  expect(visits.map(({ variables }) => variables['PINSTATUS'])).toEqual(
    callers.map((_, i) => (i % 2 === 0 ? 'OK' : 'REFUSED')),
  )
  expect(door.live()).toBe(0)
  expect(door.log()).toHaveLength(200)
})

test('five hundred connections are taken; more are turned away, until some are gone', async () => {
  const all = Array.from({ length: 500 }, () => stranger())
  await until(() => expect(door.live()).toBe(500))
  const more = [stranger(), stranger()]
  await Promise.all(more.map(({ closed }) => closed))
  expect(door.live()).toBe(500)
  expect(door.log()).toEqual([expect.objectContaining({ level: 'warn', most: 500 })])
  all[0]?.socket.destroy()
  await until(() => expect(door.live()).toBe(499))
  expect((await door.visited({ keys: '4711#' })).variables['PINSTATUS']).toBe('OK')
}, 30_000)

test('who is no Asterisk is let go and logged, in one line', async () => {
  for (const hello of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01', 'x'.repeat(20_000)]) {
    const { socket, closed } = stranger(hello)
    if (hello.length < 5) socket.end()
    await closed
  }
  const logged = door.log().map(({ level, reason }) => [level, reason])
  expect(logged).toEqual([
    ['warn', 'no AGI environment'],
    ['info', 'the caller is gone'],
    ['warn', 'a line that is too long'],
  ])
})

test('stopping takes no more, lets those get through who do, and hands the rest back to their dialplans', async () => {
  const silent = stranger(environmentOf())
  await until(() => expect(silent.heard()).toContain('SET VARIABLE'))
  const goOn = door.holdChecks()
  const asked = door.visit({ keys: '4711#' })
  await until(() => expect(asked.commands.filter((one) => one.startsWith('WAIT')).length).toBeGreaterThan(5))

  const stopped = door.stop(200)
  const late = stranger()
  await late.closed
  expect(late.heard()).toBe('')
  goOn()
  await asked.over
  expect(asked.variables['PINSTATUS']).toBe('OK')
  await Promise.all([silent.closed, stopped])
  expect(door.live()).toBe(0)
  expect(door.log().map(({ status }) => status)).toEqual(['OK', 'ERROR'])
})

test('stopping waits for what the store is doing, whoever has hung up', async () => {
  const goOn = door.holdChecks()
  let stored = false
  const asked = door.visit({ keys: '4711#' })
  await until(() => expect(asked.commands.at(-1)).toBe('WAIT FOR DIGIT 20'))
  const stopped = door.stop(0).then(() => expect(stored).toBe(true))
  await asked.over
  stored = true
  goOn()
  await stopped
})

test('an address that cannot be had is an error', async () => {
  await expect(openDoor({ port: door.port })).rejects.toThrow(/EADDRINUSE/)
})
