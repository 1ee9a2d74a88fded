import type { Transport } from 'dure/call'
import type { Route } from 'dure/call/internal'
import { placements, type Placement } from './placement.ts'

/** Together, but on a road that changes what it carries. */
export function broken(change: (route: Route, operation: string) => Route): Placement {
  return {
    name: 'on a broken road',
    open: async (world) => {
      const copy = await placements.together.open(world)
      const transport: Transport = { route: (target) => change(copy.transport.route(target), target.operation) }
      return { ...copy, transport }
    },
  }
}
