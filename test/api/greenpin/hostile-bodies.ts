import { VN1 } from '../../support/context.ts'
import { SAMPLE, sample } from '../door.ts'

/** A side that would be granted. */
export const a = { numbers: ['7987686144'], vns: [VN1] }
const withA = (change: object) => sample({ a: { ...a, ...change } })
const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

/** A request that would be granted but for this one key. */
const withKey = (json: string) => JSON.stringify(sample()).replace('{', `{${json},`)

const HOSTILE_NUMBERS = [
  ...'1/sip:x@evil 1@trunk2 500&PJSIP/itsp/14165551212 ${SHELL(id)} $[1+1] 1%0d%0aVia: 1;tag=x 1,2,3 1|2'.split(
    ' ',
  ),
  ...'\'" \\ + *#06# <b> ０７９８７６８６１４４ 7987686144\u202e 7987686144\0 1\r\nX-Evil:1'.split(' '),
  '9'.repeat(10_000),
]

export type Body = object | string | Uint8Array<ArrayBuffer>

/** Bodies that no POST is granted with. */
export const BODIES: [string, Body][] = [
  ...HOSTILE_NUMBERS.map((number): [string, Body] => [
    `number ${number.slice(0, 20)}`,
    withA({ numbers: [number] }),
  ]),
  ...HOSTILE_NUMBERS.map((vn): [string, Body] => [`vn ${vn.slice(0, 20)}`, withA({ vns: [vn] })]),
  ...HOSTILE_NUMBERS.map((pin): [string, Body] => [`pin ${pin.slice(0, 20)}`, withA({ pin })]),
  ['nothing', ''],
  ['no JSON', '{'],
  ['two JSONs', '{}{}'],
  ['half a string', '{"transaction_id":"x'],
  ['an array', []],
  ['a string', '"x"'],
  ['a number', '1'],
  ['null', 'null'],
  ['NaN', '{"transaction_id":NaN}'],
  ['form fields', 'transaction_id=x&a[numbers][]=7987686144'],
  ['XML', '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'],
  ['UTF-16', Buffer.from(JSON.stringify(SAMPLE), 'utf16le')],
  ['wrong UTF-8', Buffer.from(withKey('"\xff":1'), 'latin1')],
  ['256 kB and more', withKey(`"x":"${'x'.repeat(262_144)}"`)],
  ['nine deep', withKey(`"x":${deep(8)}`)],
  ['100000 deep', withKey(`"x":${deep(100_000)}`)],
  ['40000 deep, objects, not closed', withKey(`"x":${'{"a":'.repeat(40_000)}1`)],
  ['__proto__', withKey('"__proto__":{"polluted":1}')],
  ['__proto__ inside', withKey('"x":{"__proto__":{"polluted":1}}')],
  ['__proto__ escaped', withKey('"\\u005f_proto__":{"polluted":1}')],
  ['constructor', withKey('"constructor":{}')],
  ['prototype in a list', withKey('"x":[{"prototype":1}]')],
  ['transaction_id an array', sample({ transaction_id: ['x'] })],
  ['transaction_id an object', sample({ transaction_id: { $ne: 1 } })],
  ['transaction_id true', sample({ transaction_id: true })],
  ['transaction_id 1.5', sample({ transaction_id: 1.5 })],
  ['transaction_id 1e400', '{"transaction_id":1e400}'],
  ['transaction_id too long', sample({ transaction_id: 'x'.repeat(256) })],
  ['transaction_id with NUL', sample({ transaction_id: 'a\0b' })],
  ['transaction_id with a line break', sample({ transaction_id: 'a\r\nb' })],
  ['transaction_id half a character', '{"transaction_id":"\\ud800"}'],
  ['a an array', sample({ a: [] })],
  ['a a string', sample({ a: '7987686144' })],
  ['a.numbers a string', withA({ numbers: '7987686144' })],
  ['a.numbers an object', withA({ numbers: { 0: '7987686144', length: 1 } })],
  ['a.numbers of arrays', withA({ numbers: [['7987686144']] })],
  ['a.numbers of nulls', withA({ numbers: [null] })],
  ['a.numbers of objects', withA({ numbers: [{ toString: '7987686144' }] })],
  ['a.numbers negative', withA({ numbers: [-7987686144] })],
  ['a.numbers a thousand', withA({ numbers: Array.from({ length: 1_000 }, () => '7987686144') })],
  ['a.vns a string', withA({ vns: VN1 })],
  ['a.vns a thousand', withA({ vns: Array.from({ length: 1_000 }, () => VN1) })],
  ['a.vns not ours', withA({ vns: ['+916292130000'] })],
  ['a.pin an array', withA({ pin: ['1', '2'] })],
  ['a.pin negative', withA({ pin: -1 })],
  ['a.pin a fraction', withA({ pin: 1.5 })],
  ['a.pin true', withA({ pin: true })],
  ['a.pin empty', withA({ pin: '' })],
  ['a.pin a card', withA({ pin: '4111111111111111' })],
  ['a.pin Arabic digits', withA({ pin: '١٢٣٤' })],
  ['a.pin_length huge', withA({ pin_length: 1e9 })],
  ['a.pin_length hex', withA({ pin_length: '0x4' })],
  ['a.pin_length blank', withA({ pin_length: ' 4' })],
  ['usage an array', sample({ usage: ['oneway'] })],
  ['usage shouted', sample({ usage: 'ONEWAY' })],
  ['policy a string', sample({ deallocation_policy: '20s' })],
  ['policy an array', sample({ deallocation_policy: ['20s'] })],
  ['duration a number', sample({ deallocation_policy: { duration: 20 } })],
  ...['', '20', '-1', '0s', '1.5h', '20 s', '1e3s', '20s; drop table', '9'.repeat(60_000)].map(
    (duration): [string, Body] => [
      `duration ${duration.slice(0, 20)}`,
      sample({ deallocation_policy: { duration } }),
    ],
  ),
]
