/** The door of a running system for whoever owns its data: what `dure call`, `dure dead` and `dure lag` talk to;
 * and that of its supervisor, for `dure scale`. */
export { askLag, control, serveSupervisor } from './control/control.ts'
