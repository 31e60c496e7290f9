-- The limits of one service: KEYS[1] is a hash with its state, ARGV an operation and its arguments. All times are milliseconds
-- of this server's clock, so that the clocks of the workers do not matter.
--
-- A caller books a turn, now or in the future, and sleeps until then. Turns are spaced evenly (tat: when the next one is due if
-- nobody hurries; a second's worth may go at once), and no window holds more requests or tokens than are allowed: they are counted
-- in slots, and a slot counts until all of it has left the window. After a refusal nobody goes before `pause` ends, and turns are
-- spaced as if only a share of the limits were allowed; the share is cut by refusals and grows back with time.

local SLOTS, BURST, LEAST, CUT, GROWTH = 120, 60, 0.1, 0.8, 1.2

local operation, window, requests, tokens = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local size = window / SLOTS
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local state, used = {}, {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local kind, slot = string.match(flat[i], '^([rt])(%-?%d+)$')
  if kind then
    slot = tonumber(slot)
    used[slot] = used[slot] or {r = 0, t = 0}
    used[slot][kind] = tonumber(flat[i + 1])
  else
    state[flat[i]] = tonumber(flat[i + 1])
  end
end
local tat, last, pause = state.tat or 0, state.last or 0, state.pause or 0
local cut_at = state.cut_at or 0
local share = math.min(1, (state.share or 1) + GROWTH * (now - cut_at) / window)

local function spacing(wanted)
  local step = 0
  if requests > 0 then step = window / (requests * share) end
  if tokens > 0 then step = math.max(step, wanted * window / (tokens * share)) end
  return step
end

local function keep(...)
  redis.call('HSET', KEYS[1], ...)
  redis.call('PEXPIRE', KEYS[1], math.ceil(10 * window + math.max(0, pause - now)))
end

local function add(slot, calls, amount)
  redis.call('HINCRBY', KEYS[1], string.format('r%d', slot), calls)
  redis.call('HINCRBY', KEYS[1], string.format('t%d', slot), amount)
end

local function left(slot)
  return (slot + 1) * size + window
end

-- The first moment from `at` on at which the window has room.
local function room(at, wanted)
  local order, calls, amount = {}, 0, 0
  for slot, count in pairs(used) do
    if left(slot) <= now then
      redis.call('HDEL', KEYS[1], string.format('r%d', slot), string.format('t%d', slot))
    elseif left(slot) > at then
      order[#order + 1] = slot
      calls = calls + count.r
      amount = amount + count.t
    end
  end
  table.sort(order)
  for _, slot in ipairs(order) do
    local full = requests > 0 and calls + 1 > requests
    local spent = tokens > 0 and amount > 0 and amount + wanted > tokens
    if not (full or spent) then break end
    calls = calls - used[slot].r
    amount = amount - used[slot].t
    at = math.max(at, left(slot))
  end
  return at
end

local function book(wanted, longest)
  if requests == 0 and tokens == 0 then -- no limit: only pauses hold
    if pause - now > longest then return {-1, pause - now} end
    return {math.floor(now / size), math.max(0, pause - now)}
  end
  local at = math.max(now, pause, last, tat - window / BURST)
  at = math.ceil(room(at, math.min(wanted, tokens)))
  if at - now > longest then return {-1, at - now} end
  keep('tat', string.format('%.3f', math.max(tat, at) + spacing(wanted)), 'last', at)
  local slot = math.floor(at / size)
  add(slot, 1, wanted)
  return {slot, at - now}
end

if operation == 'book' then
  return book(tonumber(ARGV[5]), tonumber(ARGV[6]))
end

local slot, amount = tonumber(ARGV[5]), tonumber(ARGV[6])

if operation == 'go' then -- the turn has come; unless there is a pause, or it must be booked anew
  if pause <= now then return {slot, 0} end
  if used[slot] then
    add(slot, -1, -amount)
    used[slot].r = used[slot].r - 1
    used[slot].t = used[slot].t - amount
  end
  return book(amount, tonumber(ARGV[7]))
end

if operation == 'settle' then -- `amount`: how many tokens more, or fewer, than were booked
  if used[slot] then add(slot, 0, amount) end
  if tokens > 0 then keep('tat', string.format('%.3f', tat + amount * window / (tokens * share))) end
  return {slot, 0}
end

if operation == 'slow' then -- `amount`: the pause; many calls that were under way at a refusal are one refusal
  pause = math.max(pause, now + amount)
  keep('pause', pause)
  if slot * size >= cut_at then keep('share', math.max(LEAST, share * CUT), 'cut_at', now) end
  return {slot, 0}
end

return redis.error_reply('unknown operation')
