// SMPTE timecode of a frame, counted from that of another frame (SMPTE ST 12-1).

/** Frames per second, as the server writes it: `24000/1001`. */
export function rate(text: string): number {
  const [over = 25, under = 1] = text.split("/").map(Number);
  return over / under;
}

/** The timecode `frames` after `start`. Drop-frame timecode has a semicolon before the frames. */
export function timecode(start: string, frames: number, fps: number): string {
  const match = /^(\d+):(\d+):(\d+)([:;])(\d+)$/.exec(start);
  if (!match) return start;
  const nominal = Math.max(1, Math.round(fps));
  const drops = match[4] === ";";
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1, 4).map(Number);
  const first = number(hours, minutes, seconds, Number(match[5]), nominal, drops);
  return format(first + frames, nominal, drops);
}

/** Frames dropped at each minute but every tenth: 2 at 30, 4 at 60. */
const dropped = (nominal: number) => Math.round(nominal / 15);

function number(
  hours: number,
  minutes: number,
  seconds: number,
  frame: number,
  nominal: number,
  drops: boolean,
) {
  const counted = ((hours * 60 + minutes) * 60 + seconds) * nominal + frame;
  if (!drops) return counted;
  const whole = hours * 60 + minutes;
  return counted - dropped(nominal) * (whole - Math.floor(whole / 10));
}

function format(frame: number, nominal: number, drops: boolean): string {
  const day = drops ? 24 * 6 * inTenMinutes(nominal) : 24 * 3600 * nominal;
  frame = ((frame % day) + day) % day;
  if (drops) {
    const tens = Math.floor(frame / inTenMinutes(nominal));
    const rest = frame % inTenMinutes(nominal);
    const minute = nominal * 60 - dropped(nominal);
    // The first minute of ten drops nothing.
    const minutes = rest < nominal * 60 ? 0 : Math.floor((rest - nominal * 60) / minute) + 1;
    frame += dropped(nominal) * (9 * tens + minutes);
  }
  const seconds = Math.floor(frame / nominal);
  const two = (value: number) => String(value).padStart(2, "0");
  const sign = drops ? ";" : ":";
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${sign}${two(frame % nominal)}`;
}

const inTenMinutes = (nominal: number) => nominal * 600 - 9 * dropped(nominal);
