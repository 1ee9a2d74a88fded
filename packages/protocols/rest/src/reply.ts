import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DoorHost, World } from 'dure/service'
import { correlationIdOf, type OpenState } from 'dure/door/internal'
import type { Limits } from './limits.ts'
import type { Problem } from './problem.ts'

/** What all handlers of one open door share. */
export type DoorState = OpenState<Limits> & { readonly world: World; readonly host: DoorHost }

/** The request's correlation id, its own or a new one, which its answer carries as well. */
export function correlate(request: FastifyRequest, reply: FastifyReply, state: DoorState): string {
  const known = reply.getHeader('x-correlation-id')
  if (typeof known === 'string') return known
  const correlationId = correlationIdOf(request.headers['x-correlation-id']) ?? state.world.runtime.ids.next()
  reply.header('x-correlation-id', correlationId)
  return correlationId
}

export function sendText(reply: FastifyReply, state: DoorState, status: number, type: string, text: string): void {
  if (state.closing) reply.header('connection', 'close')
  reply.code(status).header('content-type', type).send(text)
}

export function sendJson(reply: FastifyReply, state: DoorState, status: number, text: string): void {
  sendText(reply, state, status, 'application/json; charset=utf-8', text)
}

export function sendNothing(reply: FastifyReply, state: DoorState, status: number): void {
  if (state.closing) reply.header('connection', 'close')
  reply.code(status).send()
}

export function sendProblem(reply: FastifyReply, state: DoorState, document: Problem): void {
  // The client has gone (499) or the answer has begun: there is nobody to tell, or no way to.
  if (reply.sent || reply.raw.destroyed) return
  if (document.status === 503 || document.status === 429) reply.header('retry-after', '1')
  // RFC 9110, section 11.6.1: who is not known is told how to become so.
  if (document.status === 401) reply.header('www-authenticate', 'Bearer')
  sendText(reply, state, document.status, PROBLEM_JSON, JSON.stringify(document))
}

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8'
