import type { Request, RequestHandler, Response } from 'express'
import { BadRequest, noted } from './fields.ts'

/** How long clients may take to send a body, in milliseconds. */
export type BodyTimes = {
  /** From the end of the header until all of it is here. */
  withinMs: number
  /** For what is missing of it after the answer. */
  afterAnswerMs: number
}

export const BODY_TIMES: BodyTimes = { withinMs: 30_000, afterAnswerMs: 5_000 }

/**
 * Refuses a request whose body is late, by the door that reads it, or else cuts its connection; and cuts the connection of
 * who goes on sending after the answer. Without it a client who drips may stay as long as the longest upload.
 */
export function bodiesInTime({ withinMs, afterAnswerMs }: BodyTimes): RequestHandler {
  return (req, res, next) => {
    const { socket } = req
    const late = () => {
      if (req.complete) return
      const { onLate } = noted(res)
      if (!onLate) return void socket.destroy()
      // The answer may wait behind others that the client does not take.
      timer = setTimeout(() => socket.destroy(), afterAnswerMs)
      onLate(new BadRequest('the body did not come in time'))
    }
    let timer = setTimeout(late, withinMs)
    const stop = () => clearTimeout(timer)
    noted(res).mayTakeLong = stop
    res.once('close', stop)
    res.once('finish', () => {
      if (!req.complete) takeTheRest(req, afterAnswerMs)
    })
    next()
  }
}

/**
 * To close at once would take the answer away from a client who still sends (RFC 9112 section 9.6). Whoever is done in time
 * keeps the connection.
 */
function takeTheRest(req: Request, withinMs: number): void {
  const { socket } = req
  const timer = setTimeout(() => socket.destroy(), withinMs)
  const stop = () => {
    clearTimeout(timer)
    socket.off('close', stop)
    req.off('end', stop)
  }
  // After the answer a connection that ends is no event of the request any more.
  socket.once('close', stop)
  req.once('end', stop)
  req.resume()
}

/** The body of this request has as much time as the server gives to any. */
export function letTakeLong(res: Response): void {
  noted(res).mayTakeLong?.()
}
