return function(T) end
