import type { OperatorPart } from './part.ts'
import { aggregates } from './parts/aggregates.ts'
import { audit } from './parts/audit.ts'
import { diagnostics } from './parts/diagnostics.ts'
import { explorer } from './parts/explorer.ts'
import { health } from './parts/health.ts'
import { letters } from './parts/letters.ts'
import { models } from './parts/models.ts'
import { placement } from './parts/placement.ts'
import { processes } from './parts/processes.ts'
import { resilience } from './parts/resilience.ts'
import { sagas } from './parts/sagas.ts'
import { schedules } from './parts/schedules.ts'
import { settings } from './parts/settings.ts'
import { story } from './parts/story.ts'
import { streams } from './parts/streams.ts'
import { topics } from './parts/topics.ts'

/**
 * All that is asked of every system. What only some have is added by who has it: `sessionsPart`, `routesPart`.
 *
 * @example
 * ```ts
 * import { operatorParts } from '@dure/operator'
 *
 * console.log(operatorParts.map(({ contract }) => contract.name).includes('health')) // → true
 * ```
 */
export const operatorParts: readonly OperatorPart[] = [
  ...[health, processes, placement, topics, letters, sagas, schedules, models, streams, aggregates, resilience],
  ...[settings, audit, explorer, story, diagnostics],
]
