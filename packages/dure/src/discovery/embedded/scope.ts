/** Whose a system's own services are, in a registry that others use as well. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'

/** What of a system's own (`dure.…`) is kept apart from others' in the same registry: it belongs to those on one data directory. */
export function scopeOf(directory: string): string {
  return createHash('sha256')
    .update(`${hostname()}\0${resolve(directory)}`)
    .digest('hex')
    .slice(0, 16)
}

/** Whether it is of this system, or everybody's. */
export const isInScope = (service: string, said: unknown, scope: string): boolean =>
  !service.startsWith('dure.') || said === scope
