import type { Message } from './phone.ts'
import type { Received } from './receiver.ts'

/** Who takes part. All numbers are E.164. */
export type Cast = {
  /** Calls the virtual number; nobody has listed her number. */
  ann: string
  vn: string
  bob: string
  /** The virtual number that Bob is to see. */
  shown: string
}

type Heard = { since: number; ms: number } | undefined

/** What the two telephones and the receiver of webhooks saw; nothing of it is pinbridge's own word. Instants in milliseconds. */
export type Evidence = {
  cast: Cast
  annsMessages: Message[]
  bobsMessages: Message[]
  /** What the telephones' programs complained about. */
  complaints: string[]
  promptHeardAt: number | undefined
  keyedAt: number | undefined
  digits: number
  annHeardBob: Heard
  bobHeardAnn: Heard
  webhooks: Received[]
}

/** Something that must happen in the demo, and when it did. */
export type Step = { at: number | undefined; what: string; missing: string }

/** Of four seconds of talk this much must be heard. */
const ENOUGH_SOUND_MS = 2_000

/** All that makes the call, in order. A step without `at` did not happen. */
export function steps(evidence: Evidence): Step[] {
  return [...asked(evidence), ...connected(evidence), ...talked(evidence), ...told(evidence)]
}

function asked({ cast, annsMessages, promptHeardAt, keyedAt, digits }: Evidence): Step[] {
  return [
    {
      at: find(annsMessages, 'INVITE')?.at,
      what: `Ann (${cast.ann}) dials the virtual number ${cast.vn}`,
      missing: 'Ann could not dial',
    },
    {
      at: find(annsMessages, '200 INVITE')?.at,
      what: 'pinbridge answers: it does not know her number',
      missing: `pinbridge did not answer Ann${said(annsMessages)}`,
    },
    {
      at: promptHeardAt,
      what: 'Ann hears "Please enter your PIN ..."',
      missing: 'Ann heard no prompt',
    },
    {
      at: keyedAt,
      what: `Ann keys ${digits} digits and #, without waiting for the end of the prompt`,
      missing: 'Ann could not key the PIN',
    },
  ]
}

function connected({ cast, bobsMessages, webhooks }: Evidence): Step[] {
  const verified = webhooks.find(({ body }) => 'pin' in body && 'greenpin_id' in body)
  const invite = find(bobsMessages, 'INVITE')
  const isShown = invite?.text.includes(`From: <sip:${cast.shown}@`) ?? false
  const isHidden = bobsMessages.every(({ text }) => !text.includes(cast.ann.slice(1)))
  return [
    {
      at: verified?.genuine && verified.body['caller'] === cast.ann ? verified.at : undefined,
      what: 'a webhook tells that the caller is verified; its signature is right',
      missing: `no webhook told that the caller was verified${untrue(verified)}`,
    },
    {
      at: isShown && isHidden ? invite?.at : undefined,
      what: `Bob's telephone (${cast.bob}) rings and shows ${cast.shown}; Ann's number is in no message to it`,
      missing: invite ? 'Bob was shown another number than his virtual one' : "Bob's telephone did not ring",
    },
    {
      at: find(bobsMessages, '200 INVITE')?.at,
      what: 'Bob answers',
      missing: 'Bob did not answer',
    },
  ]
}

function talked({ annsMessages, bobsMessages, annHeardBob, bobHeardAnn }: Evidence): Step[] {
  const hungUp = find(bobsMessages, 'BYE')
  const isConfirmed = hungUp?.sent === true && find(bobsMessages, '200 BYE') !== undefined
  const end = find(annsMessages, 'BYE')
  return [
    {
      at: enough(bobHeardAnn),
      what: `Bob hears Ann: ${seconds(bobHeardAnn?.ms)} of her voice arrived`,
      missing: `Bob heard ${seconds(bobHeardAnn?.ms)} of Ann, which is not enough`,
    },
    {
      at: enough(annHeardBob),
      what: `Ann hears Bob: ${seconds(annHeardBob?.ms)} of his voice arrived`,
      missing: `Ann heard ${seconds(annHeardBob?.ms)} of Bob, which is not enough`,
    },
    {
      at: isConfirmed ? hungUp.at : undefined,
      what: `Bob hangs up after ${seconds(talkMs(bobsMessages))} of talk`,
      missing: 'Bob could not talk to the end and hang up',
    },
    {
      at: hungUp && end && !end.sent ? end.at : undefined,
      what: 'pinbridge ends the call of Ann',
      missing: "Bob's hang-up did not end the call of Ann",
    },
  ]
}

function told({ cast, webhooks }: Evidence): Step[] {
  const completed = webhooks.find(({ body }) => 'call_type' in body)
  const { from, to, call_type: type, on_call_duration: talk } = completed?.body ?? {}
  const isTrue = completed?.genuine && from === cast.ann && to === cast.bob && type === 'completed'
  return [
    {
      at: isTrue && Number(talk) > 0 ? completed.at : undefined,
      what: `a webhook tells of the completed call, ${String(talk)} s of talk; its signature is right`,
      missing: `no webhook told of the completed call${untrue(completed)}`,
    },
  ]
}

/** From Bob's answer to his hang-up, as his telephone saw it; 0 without a talk. */
export function talkMs(bobsMessages: Message[]): number {
  const answer = find(bobsMessages, '200 INVITE')
  const end = find(bobsMessages, 'BYE')
  return answer && end ? end.at - answer.at : 0
}

function find(messages: Message[], what: string): Message | undefined {
  return messages.find((message) => message.what === what)
}

function enough(heard: Heard): number | undefined {
  return heard && heard.ms >= ENOUGH_SOUND_MS ? heard.since : undefined
}

function seconds(ms: number | undefined): string {
  return `${((ms ?? 0) / 1_000).toFixed(1)} s`
}

/** The refusal that a telephone got. */
function said(messages: Message[]): string {
  const refusal = messages.find(({ what }) => /^[3-6]\d\d INVITE$/.test(what))
  return refusal ? `; it said ${refusal.what.slice(0, 3)}` : ''
}

function untrue(webhook: Received | undefined): string {
  if (!webhook) return ''
  return webhook.genuine ? '; one came that says something else' : '; one came with a wrong signature'
}
