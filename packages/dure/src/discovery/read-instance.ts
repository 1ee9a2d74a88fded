/** Instances as what processes leave for each other, which may be anything. */
import { INSTANCE_STATUSES, type Address, type Instance } from './registry.ts'

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
  const address = (value ?? {}) as Partial<Extract<Address, { kind: 'unix' }> | Exclude<Address, { kind: 'unix' }>>
  if (address.kind === 'unix') return typeof address.path === 'string'
  return (address.kind === 'tcp' || address.kind === 'udp') && typeof address.host === 'string' && Number.isInteger(address.port)
}
