/** The console that `dure dev` brings to a system that lists none, and the collector that its traces, logs and numbers are read from. */
import { answers } from 'dure/discovery/internal'
import type { Door } from 'dure/service'
import { collectorSocket } from 'dure/telemetry/internal'

/** Where who starts a system has it opened: its console first, as that shows all else. */
export const isConsole = ({ page }: { readonly page?: string | undefined }): boolean => page?.includes('/#open=') === true

/** What a system lacks of both; none where it has a console, whose parts are what its author chose. */
export async function consoleDoors(own: readonly Door[]): Promise<readonly Door[]> {
  if (own.some(({ name }) => name === 'console')) return []
  const [{ consoleDoor }, { collector, collectorParts }] = await Promise.all([import('@dure/console'), import('@dure/collector')])
  const seen = consoleDoor({ parts: collectorParts })
  return own.some(({ name }) => name === 'collector') ? [seen] : [unlessThere(collector({ port: false })), seen]
}

/** One that was started by itself (`dure collector`) is asked in its place: a directory has one. */
function unlessThere<D extends Door>(door: D): D {
  const open: Door['open'] = async (host, world) =>
    (await answers(collectorSocket(world.directory))) ? { url: undefined, close: async () => {} } : door.open(host, world)
  return { ...door, open }
}
