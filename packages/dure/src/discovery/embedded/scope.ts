/** Whose a system's own services are, in a registry that others use as well. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'

/**
 * What of a system's own (`dure.…`, and its broker) is kept apart from others' in the same registry: it belongs to those on one data
 * directory or, where they are on several hosts, to those of one name.
 */
export function scopeOf({ directory, scope }: { readonly directory: string; readonly scope?: string | undefined }): string {
  return createHash('sha256')
    .update(scope === undefined ? `${hostname()}\0${resolve(directory)}` : `\0\0${scope}`)
    .digest('hex')
    .slice(0, 16)
}

/** Whether it is of this system, or everybody's. */
export const isInScope = (service: string, said: unknown, scope: string): boolean => !/^dure[.-]/.test(service) || said === scope
