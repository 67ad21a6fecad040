import type { Router } from 'express'
import type { Context } from '../engine/context.ts'
import type { Event } from '../engine/events.ts'
import type { Links } from './links.ts'

/** What a dialect needs to answer requests. */
export type DialectParts = {
  ctx: Context
  /** Why an event cannot be delivered to this address, in words; undefined when it can. */
  refusedReceiver: (url: string) => Promise<string | undefined>
  pins: PinLimits
  phones: Phones
}

/** What HTTP clients need to know, and to ask, of the telephone side. */
export type Phones = {
  /** Looks at the callbacks that are owed or shall end, now rather than in a second. */
  wakeCallbacks: () => void
  /** Sends the PINs that are owed now, by telephone or through gateways. */
  wakeSendings: () => void
  /** Where VoIP lines register: `host:port`. */
  sipAddress: string
}

/** What accounts may do with databases of PINs. */
export type PinLimits = {
  /** The most PINs that one request may name. */
  range: number
  /** Contexts of the dialplan to which callers may be sent. */
  contexts: readonly string[]
}

/** What a vendor's clients meet: requests under a prefix, and the bodies of the events that they receive. */
export type DialectDoor = {
  /** One path, or all under which its clients look for it. */
  prefix: string | string[]
  router: (parts: DialectParts) => Router
  /** Undefined for events that this vendor does not tell. Same event, same body. */
  callbackBody: (event: Event, links: Links) => object | undefined
  /** The OpenAPI 3.1 document, call-backs under `webhooks`, made from the schemas that requests are read with. */
  openapi: () => object
}
