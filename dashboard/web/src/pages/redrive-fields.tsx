// SPDX-License-Identifier: MIT
// Where dead letters are sent again, and what stops that when the cause is not mended yet.
import type { CanaryRule, StopRule } from '../api/schema.ts';
import { TextField } from '../ui/field.tsx';

/** As the fields have it: empty texts are no choice. */
export type Redrive = { to: string; force: boolean; canary: string; stop: string };

export const AS_IT_WAS: Redrive = { to: '', force: false, canary: '', stop: '' };

const CANARIES = ['', '1', '5', '20', '100'];
const SHARES = ['', '0.05', '0.2', '0.5'];

/** What the calls take of it. */
export function redriveBody({ to, force, canary, stop }: Redrive): {
  to?: string;
  force?: boolean;
  canary?: CanaryRule;
  stop?: StopRule;
} {
  return {
    ...(to.trim() && { to: to.trim() }),
    ...(force && { force }),
    ...(canary && { canary: { count: Number(canary) } }),
    ...(stop && { stop: { share: Number(stop) } }),
  };
}

type FieldsProps = { value: Redrive; onValue: (value: Redrive) => void };

export function TargetFields({ value, onValue }: FieldsProps) {
  return (
    <>
      <TextField
        label="To another topic (empty: the one it was in)"
        value={value.to}
        onText={(to) => onValue({ ...value, to })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={value.force}
          onChange={(event) => onValue({ ...value, force: event.currentTarget.checked })}
        />{' '}
        Also what came back too often
      </label>
    </>
  );
}

/** Rules that only an operation can keep: it goes on without this page, and looks at what becomes of each. */
export function RuleFields({ value, onValue }: FieldsProps) {
  return (
    <>
      <Choice
        label="First try"
        value={value.canary}
        options={CANARIES}
        nameOf={(count) => (count ? `${count}, and the rest when all of them succeed` : 'all at once')}
        onChoice={(canary) => onValue({ ...value, canary })}
      />
      <Choice
        label="Stop by itself"
        value={value.stop}
        options={SHARES}
        nameOf={(share) => (share ? `when more than ${100 * Number(share)} % die again` : 'never')}
        onChoice={(stop) => onValue({ ...value, stop })}
      />
    </>
  );
}

type ChoiceProps = {
  label: string;
  value: string;
  options: string[];
  nameOf: (option: string) => string;
  onChoice: (option: string) => void;
};

export function Choice({ label, value, options, nameOf, onChoice }: ChoiceProps) {
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onChoice(event.currentTarget.value)}>
        {options.map((one) => (
          <option key={one} value={one}>
            {nameOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
