import { CallError } from 'dure/contract'
import { backoff } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { WAL_RELAY } from '../leases.ts'
import { uniqueName } from '../../names.ts'
import type { Bell } from './alarm.ts'
import { openControl, type Control } from './control.ts'
import type { WalLimits } from './limits.ts'
import { makeSlot, makeSlotForMessages } from './slot-creation.ts'
import { dropSlot, publicationAltered, publicationState, slotNamed, slotOfService, slotOfTable, type Slot } from './slots.ts'
import { TOO_MUCH } from './streaming.ts'

/** The slot in the life of one relay: made when there is none, given up when it is of no use, removed when nobody needs it. */
export type SlotLifecycle = {
  /** Known once a connection was there. */
  readonly name: () => string
  readonly publication: () => string
  /** The connection from which it is looked after. */
  readonly open: () => Promise<Control>
  /**
   * Whether it can be read. When it cannot, what can be done about it has been done: it is to be looked at again.
   * @throws {CallError} DATA_LOSS when it is gone, and messages with it
   */
  readonly readable: (control: Control) => Promise<boolean>
  /** It is there, and about to be read, … */
  readonly taken: () => void
  /** … and the log comes. */
  readonly serves: () => void
  /** The stream broke off. Whether the slot is gone shows when it is looked at again; some things only the error says. */
  readonly ended: (error: unknown, control: Control) => Promise<void>
  /**
   * Polling is wanted: a slot that nobody reads would hold the log until the disk is full.
   * @returns false when it is there still
   */
  readonly leave: () => Promise<boolean>
}

export function createSlotLifecycle(options: {
  readonly relay: string
  readonly connection: ClientConfig
  readonly slot: string | undefined
  /** The service whose messages are in the log alone, … */
  readonly service: string | undefined
  /** … or who delivers from the table while there is no slot. */
  readonly table: { readonly poll: () => Promise<void>; readonly flush: () => Promise<void> } | undefined
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: WalLimits
  readonly bell: Bell
  /** Between attempts to make it. */
  /** Aborted when something else is wanted. */
  readonly leaving: () => AbortSignal
  /** Nothing will be delivered any more. */
  readonly fail: (error: CallError) => void
}): SlotLifecycle {
  const { relay, connection, service, table, runtime, log, limits, bell, leaving, fail } = options
  const { timers } = runtime
  let slot = options.slot ?? ''
  let publication = ''
  /** A slot was there in the life of this relay: that there is none is a loss. */
  let had = false
  let fruitless = 0

  const open = async (): Promise<Control> => {
    const control = await openControl({ connection, name: uniqueName('application', 'dure', 'wal-control', relay) })
    const named = service === undefined ? await slotOfTable(control.query) : await slotOfService(control.query, service)
    slot = options.slot ?? named.slot
    publication = named.publication
    return control
  }

  /** There is no slot, or no use in it: the table is delivered by polling, and a new slot is made meanwhile. */
  const goOver = async (control: Control, found: Slot | undefined, { poll, flush }: NonNullable<typeof table>): Promise<void> => {
    if (found !== undefined || (had && bell.ringing()?.kind !== 'let-go')) {
      const [state, advice] =
        found === undefined
          ? ['gone: somebody has removed it', 'see who, and leave it to the relay']
          : ['lost: the server dropped what it held', 'if this comes again, give the log more room (max_slot_wal_keep_size)']
      bell.ring(
        'lost',
        `The replication slot "${slot}" is ${state}. Nothing is lost, the relay "${relay}" delivers from the table and makes a new slot. To do: ${advice}`,
      )
    }
    had = false
    await poll()
    const signal = leaving()
    const [first, max] = limits.comeBack
    if (fruitless++ > 0) await timers.sleep(backoff({ first, max }, fruitless, runtime.random), signal)
    if (signal.aborted) return
    const made = await makeSlot({
      ...{ name: relay, control, slot, publication, runtime, log, flush, signal },
      drain: limits.drain,
    })
    if (!made) await timers.sleep(limits.poll, signal)
  }

  const beginMessages = async (control: Control, found: Slot | undefined): Promise<void> => {
    if (had || found !== undefined) {
      const text =
        `The replication slot "${slot}" is ${found === undefined ? 'gone' : 'lost'}, and with it what the relay "${relay}" had not delivered. ` +
        'To do: find what was published since then in the tables of the service, publish it again, remove the slot (`removeSlot`) and start again'
      bell.ring('lost', text)
      const error = new CallError('DATA_LOSS', text)
      fail(error)
      throw error
    }
    log.warn('A replication slot is made: what was published before is not delivered', { relay, slot })
    await makeSlotForMessages(control, slot, publication, leaving())
  }

  const dropWhenFree = async ({ query }: Control): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return void (await dropSlot(query, slot))
      } catch (error) {
        if ((error as { code?: string }).code !== '55006' || attempt === 100) throw error
        await timers.sleep(50, leaving())
      }
    }
  }

  const dropped = async ({ query }: Control): Promise<boolean> => {
    try {
      await dropSlot(query, slot)
      if (bell.ringing() !== undefined) bell.quiet()
      log.info('The replication slot is removed: the outbox is delivered by polling', { relay, slot })
      return true
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      bell.ring(
        'orphan',
        `The outbox "${relay}" is delivered by polling, and its replication slot "${slot}" is there still: it holds the log until the disk is full. It could not be removed (${said}). To do: SELECT pg_drop_replication_slot('${slot}')`,
      )
      return false
    }
  }

  return {
    name: () => slot,
    publication: () => publication,
    open,
    readable: async (control) => {
      const found = await slotNamed(control.query, slot)
      if (found !== undefined && found.status !== 'lost') {
        const state = await publicationState(control.query, publication, table !== undefined)
        if (state === 'whole') return true
        // One that is made anew, or made whole, does not publish what the slot still has to tell.
        if (state === 'gone')
          log.warn('The publication of the replication slot is gone, and the slot cannot be read without it', { relay, slot })
        else log.warn(`The replication slot is of no use: ${publicationAltered(publication)}`, { relay, slot })
        had = false
        if (table !== undefined) await dropWhenFree(control)
      }
      if (table !== undefined) await goOver(control, found?.status === 'lost' ? found : undefined, table)
      else await beginMessages(control, found)
      return false
    },
    taken: () => void (had = true),
    serves: () => {
      fruitless = 0
      if (bell.ringing()?.kind !== 'lag') bell.quiet()
    },
    ended: async (error, control) => {
      const said = error instanceof Error ? error.message : String(error)
      if (said === TOO_MUCH) {
        bell.ring(
          'let-go',
          `The relay "${relay}" let go of the replication slot "${slot}", which held more of the log than it may, and delivers from the table. To do: see why nothing was delivered (is the broker reachable?); it goes back to the log by itself`,
        )
        await dropWhenFree(control)
      } else if (/publication .* does not exist/i.test(said)) {
        log.warn('The replication slot cannot be read: its publication was made after it', { relay, slot })
        await dropWhenFree(control)
      }
    },
    leave: async () => {
      const control = await open()
      try {
        const left = await slotNamed(control.query, slot)
        const others = await control.query(OTHERS)
        // Another relay that reads the log is left all lanes, and looks after its slot.
        return left === undefined || left.pid !== undefined || others.length > 0 || (await dropped(control))
      } finally {
        void control.end()
      }
    },
  }
}

const OTHERS = `SELECT 1 FROM dure_outbox_relays WHERE relay LIKE '${WAL_RELAY}%' AND expires > clock_timestamp()`
