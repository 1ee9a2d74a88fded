import type { DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WAIT, type Ranges } from 'dure/runtime/internal'
import type { XmlLimits } from './xml.ts'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type SoapLimits = DoorLimits &
  XmlLimits & {
    /** A request's body. Default 1 MiB. */
    readonly body: number
  }

const DEFAULTS: SoapLimits = {
  ...{ body: 1_048_576, depth: 650, attributes: 64, elements: 100_000 },
  ...{ requests: 1_000, deadline: 60_000, drain: 10_000, handover: 5_000, heartbeat: 15_000 },
}

const WHOLE = { ...WAIT, whole: true }
const NUMBERS: Ranges<SoapLimits> = {
  ...{ body: BYTES, depth: COUNT, attributes: COUNT, elements: COUNT, requests: COUNT },
  ...{ deadline: WHOLE, drain: WHOLE, handover: WHOLE, heartbeat: WHOLE },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<SoapLimits> = {}): SoapLimits {
  return completeNumbers('make the SOAP door with these limits', DEFAULTS, given, NUMBERS)
}
