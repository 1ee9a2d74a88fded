/** Instances as text that processes leave for each other, and whose they are. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { INSTANCE_STATUSES, type Address, type Instance } from './registry.ts'

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

/** @throws {TypeError} when it describes no instance */
export function readInstance(value: unknown): Instance {
  const { service, id, version, status, endpoints, metadata } = (value ?? {}) as Partial<Instance>
  if (
    [service, id, version].some((each) => typeof each !== 'string') ||
    !INSTANCE_STATUSES.includes(status!) ||
    !isRecordOf(endpoints, isAddress) ||
    !isRecordOf(metadata, (each) => typeof each === 'string')
  )
    throw new TypeError('it does not describe an instance')
  return { service: service!, id: id!, version: version!, status: status!, endpoints, metadata }
}

function isRecordOf<T>(
  value: Readonly<Record<string, T>> | undefined,
  is: (value: unknown) => boolean,
): value is Record<string, T> {
  return typeof value === 'object' && value !== null && Object.values(value).every(is)
}

function isAddress(value: unknown): value is Address {
  const address = (value ?? {}) as Partial<Extract<Address, { kind: 'unix' }> | Extract<Address, { kind: 'tcp' }>>
  if (address.kind === 'unix') return typeof address.path === 'string'
  return address.kind === 'tcp' && typeof address.host === 'string' && Number.isInteger(address.port)
}
