/**
 * All proofs, by the id of their row; each section of rows.ts has its own in the file of its name.
 *
 * After a change: `npm run docs:patterns`. A test holds the links and the pages to it.
 */
import { architecture } from './architecture.ts'
import { communication } from './communication.ts'
import { composition } from './composition.ts'
import { connectivity } from './connectivity.ts'
import { data } from './data.ts'
import { deployment } from './deployment.ts'
import { events } from './events.ts'
import { observability } from './observability.ts'
import type { Proof } from './proof.ts'
import { security } from './security.ts'
import { unique } from './unique.ts'

export type { Proof } from './proof.ts'

export const proofs: Readonly<Record<string, Proof>> = {
  ...architecture,
  ...communication,
  ...composition,
  ...connectivity,
  ...data,
  ...events,
  ...security,
  ...observability,
  ...deployment,
  ...unique,
}
