// What changed since the last release, judged: what breaks a client must be accepted by name, with a reason.

import { BreakingChangeType, DangerousChangeType, findBreakingChanges, findDangerousChanges } from 'graphql'
import { isInputObjectType } from 'graphql'

// Of what graphql-js calls dangerous, this one changes what an old request means. The others add something that the
// page docs/schema.md tells every client to be ready for.
const BREAKING_TOO = [DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE]

// A new member of an enum or an interface that a client has listed exhaustively; worth a line in the release's notes.
const TO_BE_TOLD = [DangerousChangeType.VALUE_ADDED_TO_ENUM, DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED]

/** graphql-js compares the defaults of arguments, but not those of the fields of inputs. */
function changedDefaults(before, after) {
  const changes = []
  for (const type of Object.values(before.getTypeMap()).filter(isInputObjectType)) {
    const now = after.getType(type.name)
    if (!isInputObjectType(now)) continue
    for (const field of Object.values(type.getFields())) {
      const other = now.getFields()[field.name]
      if (other === undefined || JSON.stringify(field.defaultValue) === JSON.stringify(other.defaultValue)) continue
      const words = [field.defaultValue, other.defaultValue].map((value) => JSON.stringify(value) ?? 'nothing')
      const description = `${type.name}.${field.name} has changed defaultValue from ${words[0]} to ${words[1]}.`
      changes.push({ type: 'INPUT_FIELD_DEFAULT_VALUE_CHANGE', description })
    }
  }
  return changes
}

/** What breaks clients between two schemas, and what they should be told of. */
export function compare(before, after) {
  const dangerous = findDangerousChanges(before, after)
  const breaking = [
    ...findBreakingChanges(before, after),
    ...dangerous.filter(({ type }) => BREAKING_TOO.includes(type)),
    ...changedDefaults(before, after),
  ]
  return { breaking, told: dangerous.filter(({ type }) => TO_BE_TOLD.includes(type)) }
}

const same = (one, other) => one.type === other.type && one.description === other.description

/** What is wrong with a set of breaking changes, given those that were accepted; one sentence each. */
export function faults(breaking, accepted) {
  const known = [...Object.values(BreakingChangeType), ...BREAKING_TOO, 'INPUT_FIELD_DEFAULT_VALUE_CHANGE']
  const faults = []
  for (const change of breaking.filter((change) => !accepted.some((entry) => same(entry, change)))) {
    faults.push(`this breaks clients, and nobody accepted it: ${change.type}: ${change.description}`)
  }
  for (const entry of accepted) {
    const name = `${entry.type}: ${entry.description}`
    if (!known.includes(entry.type)) faults.push(`no kind of breaking change: ${name}`)
    else if (!breaking.some((change) => same(entry, change))) faults.push(`accepted, but not there: ${name}`)
    if (typeof entry.reason !== 'string' || entry.reason.trim().length < 20) faults.push(`accepted without a reason: ${name}`)
  }
  return faults
}
