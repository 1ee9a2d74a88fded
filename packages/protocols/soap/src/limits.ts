import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, type Ranges } from 'dure/runtime/internal'
import type { XmlLimits } from './xml.ts'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type SoapLimits = DoorLimits &
  XmlLimits & {
    /** A request's body. Default 1 MiB. */
    readonly body: number
  }

const DEFAULTS: SoapLimits = {
  ...{ body: 1_048_576, depth: 650, attributes: 64, elements: 100_000 },
  ...DOOR_LIMITS,
}

const NUMBERS: Ranges<SoapLimits> = {
  ...{ body: BYTES, depth: COUNT, attributes: COUNT, elements: COUNT },
  ...DOOR_RANGES,
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<SoapLimits> = {}): SoapLimits {
  return completeNumbers('make the SOAP door with these limits', DEFAULTS, given, NUMBERS)
}
